// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package blame

// Walk goes down a backtrace of n frames, the innermost first, to the owner. It returns the
// indexes of the first frame that is not an allocator and of the owner, -1 if there is
// none. at returns what is known of a frame, or false if no leak may belong to it. passed,
// if it is not nil, is called with each frame that is passed.
//
// The owner is the last frame that is passed if an entry is below, or nothing. A function
// that makes things does not lead to a bare address, which may be anything, or to a dispatcher.
func Walk(n int, at func(int) (Function, bool), passed func(int, Reason)) (first, owner int) {
	first, owner = -1, -1
	var why Reason
	for i := range n {
		f, ok := at(i)
		if !ok || Allocator(f.Name) {
			continue
		}
		if owner < 0 {
			first = i
		} else if why.Maker && (f.Name == "" || dispatchers.find(f.Name) >= 0) || Entry(f.Name) {
			break
		} else if passed != nil {
			passed(owner, why)
		}
		owner = i
		if why = Pass(f); why == (Reason{}) {
			break
		}
	}
	return first, owner
}

// A Candidate is a function that a leak may belong to.
type Candidate struct {
	Index  int    // of the function
	Reason string // why it is where it is in the list
	Tie    bool   // it is as likely as the first
}

// maxCandidates is how many candidates there are at most.
const maxCandidates = 3

// Candidates returns the functions of a backtrace that a leak may belong to, at most three
// and each in another file: the owner, those above it that return what they make or are
// neighbours of it, and its callers.
func Candidates(functions []Function) []Candidate {
	type pass struct {
		index int
		why   Reason
	}
	var passes []pass
	_, own := Walk(len(functions),
		func(i int) (Function, bool) { return functions[i], !functions[i].Inlined },
		func(i int, why Reason) { passes = append(passes, pass{i, why}) })
	if own < 0 {
		return nil
	}
	var list []Candidate
	seen := make(map[string]bool)
	add := func(i int, reason string, tie bool) {
		f := functions[i]
		key := f.File
		if key == "" {
			key = f.Name + "()"
		}
		if len(list) < maxCandidates && !seen[key] {
			seen[key] = true
			list = append(list, Candidate{i, reason, tie})
		}
	}
	// Of what was inlined into the owner, the innermost that is not passed counts.
	i := innermost(functions, own)
	if n := len(passes); n > 0 {
		add(i, "called "+subject(functions[passes[n-1].index])+passes[n-1].why.Text, false)
	} else {
		add(i, "called an allocator", false)
	}
	for n := len(passes) - 1; n >= 0; n-- {
		if p := passes[n]; p.why.Maker || neighbours(functions[p.index], functions[own]) {
			add(innermost(functions, p.index), p.why.Text, p.why.Guess)
		}
	}
	above, verb := functions[i], "called "
	for i++; i < len(functions); i++ {
		f := functions[i]
		if Entry(f.Name) {
			break
		}
		if why := Pass(f); f.Name == "" || Allocator(f.Name) || dispatchers.find(f.Name) >= 0 || why != (Reason{}) && !why.Maker {
			verb = "led to "
			continue
		}
		add(i, verb+subject(above)+kept(above), false)
		above, verb = f, "called "
	}
	return list
}

// neighbours reports whether the source files of two functions are in one folder. What
// serves any caller serves them too, but is of the same people.
func neighbours(a, b Function) bool {
	dir := Dir(a.File)
	return dir != "" && dir == Dir(b.File)
}

// innermost returns the index of the place of a function that asked for the memory, see
// [Place].
func innermost(functions []Function, outer int) int {
	first := outer
	for first > 0 && functions[first-1].Inlined {
		first--
	}
	return first + Place(outer-first+1, func(k int) Function { return functions[first+k] })
}

// Place returns which of n functions asked for the memory; the last is an owner, and the
// others are inlined into it, the innermost first. It is the innermost that is neither an
// allocator nor passed. What makes things in the file of the owner is not passed here: it
// is of the same people, and its line tells more.
func Place(n int, at func(int) Function) int {
	owner := at(n - 1)
	for k := range n - 1 {
		f := at(k)
		if why := Pass(f); !Allocator(f.Name) && (why == Reason{} || why.Maker && f.File == owner.File) {
			return k
		}
	}
	return n - 1
}

// subject returns a function as the subject of a sentence.
func subject(f Function) string {
	if f.Name == "" {
		return "the code above, which "
	}
	return f.Name + ", which "
}

// kept returns why a function is not passed, or is the owner all the same, as the rest of
// a reason.
func kept(f Function) string {
	switch why := Pass(f); {
	case f.Name == "":
		return "is at a bare address"
	case why != (Reason{}):
		return why.Text
	case f.Returns == Value:
		return "returns no pointer"
	case f.Returns == Pointer:
		return "does not seem to make what it returns"
	}
	return "does not seem to hand on what it makes"
}
