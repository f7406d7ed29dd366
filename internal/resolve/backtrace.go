// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Backtrace returns a Call for every frame in the same order, and in front of it one
// for every function that was left by a jump between the frame and the one above.
//
// An address of the same kernel, such as that of the leaked object, tells the size of its
// addresses; 0 if there is none.
func (r *Resolver) Backtrace(bt []Frame, addr uint64) []Call {
	calls, _ := r.choose(bt, addr)
	return calls
}

// backtrace is Backtrace with the first build of each module.
func (r *Resolver) backtrace(bt []Frame, addr uint64) []Call {
	rs := r.placed(bt, r.bits(bt, addr))
	r.narrowAll(rs)
	calls := make([]Call, 0, len(rs)+1)
	var above *resolution
	for _, x := range rs {
		calls = append(calls, x.call())
		c := &calls[len(calls)-1]
		hops := r.hold(c, x, above)
		if x.place() {
			above = x
			if c.Problem.denies() {
				above = nil // what is wrong proves nothing
			}
		}
		calls = slices.Insert(calls, len(calls)-1, hops...)
	}
	r.noteMachines(calls)
	noteMisfits(calls)
	r.learn(calls)
	return calls
}

// placed returns what each frame of a backtrace means. All but bare addresses are
// looked at by themselves.
func (r *Resolver) placed(bt []Frame, bits int) []*resolution {
	rs := make([]*resolution, 0, len(bt))
	var above *resolution
	for _, f := range bt {
		x := r.resolve(question{f, above != nil && interrupts(above.frame), bits})
		rs = append(rs, x)
		if x.place() {
			above = x
		}
	}
	r.recoverBare(rs)
	return rs
}

// hold checks the Call of a frame against the frame above, nil if there is none. It
// returns the Calls of the functions in between.
func (r *Resolver) hold(c *Call, x, above *resolution) []Call {
	if above == nil || x.exact || !x.place() || !r.Firm(&c.Facts) {
		return nil
	}
	// There are several answers if they have the same source position.
	best, from := link{}, &x.answers[0]
	for i := range x.answers {
		l := r.links.link(x, &x.answers[i], above)
		if i == 0 || l.kind > best.kind {
			best, from = l, &x.answers[i]
		}
	}
	switch best.kind {
	case LinkSilent:
		if len(x.answers) > 1 {
			return nil
		}
	case LinkTail:
		if len(x.answers) > 1 {
			return nil
		}
		lead := make([]string, 0, len(best.hops))
		for _, h := range slices.Backward(best.hops) {
			lead = append(lead, Demangled(h.name))
		}
		c.Lead = strings.Join(lead, ", ")
	case LinkDenied:
		t := contradicted(ProblemOtherCallee, "in %s the call there is of %s, which does not lead to the frame above, %s",
			c.File, cmp.Or(from.callee, "another function"), above.title()).of(r.Describe(x.frame))
		c.Problem, c.Err = t.problem, t.err
	}
	c.Link = best.kind
	return elided(best.hops, c, above)
}

// elided makes the Calls of functions that were left by a jump, between the call
// of site and the frame above.
func elided(hops []hop, site *Call, above *resolution) []Call {
	var calls []Call
	for _, h := range hops {
		c := Call{
			Frame: Frame{Func: h.name, Module: h.module}, Places: [][]Pos{h.pos},
			Module: h.module, File: h.path, BuildID: h.fileID, Facts: site.Facts, by: site.File,
		}
		c.Kind = Elided
		if c.Alone = site.Link == LinkSilent; c.Alone {
			c.Evidence = fmt.Sprintf("the call below is of it: %s, and perhaps more, lie between that and %s", Demangled(h.name), above.title())
			calls = append(calls, c)
			continue
		}
		c.Evidence = fmt.Sprintf("the call below is of it, and it leads to %s by jumps", above.title())
		if h.next != "" {
			c.Evidence = fmt.Sprintf("the call below leads to it, and it jumps to %s", Demangled(h.next))
		}
		if len(h.pos) > 0 && h.pos[len(h.pos)-1].Line == 0 {
			c.Evidence += "; from where in it is not certain"
		}
		calls = append(calls, c)
	}
	return calls
}

// noteMisfits notes the frames of files that another frame does not fit: they may fit
// only by accident.
func noteMisfits(calls []Call) {
	var misfit map[string]*Frame
	for i := range calls {
		if c := &calls[i]; c.Problem.denies() {
			if misfit == nil {
				misfit = make(map[string]*Frame)
			}
			frame := c.Frame
			misfit[c.File] = &frame
		}
	}
	if misfit == nil {
		return
	}
	sure := make(map[string]bool)   // files that have the module's build ID
	inText := make(map[string]bool) // files that bare addresses were found in by their text
	for i := range calls {
		if c := &calls[i]; c.Kind != Elided {
			inText[c.File] = inText[c.File] || c.Text != nil
			sure[c.File] = sure[c.File] || c.Build == BuildSame
		}
	}
	for i := range calls {
		c := &calls[i]
		file := c.File
		if c.Alone {
			file = c.by
		}
		if by := misfit[file]; by != nil && !sure[file] {
			c.Misfit, c.InText = by, inText[file]
		}
	}
}

// narrowAll drops answers of ambiguous frames that do not fit their neighbours, as
// long as that helps.
func (r *Resolver) narrowAll(rs []*resolution) {
	if !slices.ContainsFunc(rs, func(x *resolution) bool { return len(x.answers) > 1 }) {
		return
	}
	var places []int
	for i, x := range rs {
		if x.place() {
			places = append(places, i)
		}
	}
	for range places {
		changed := false
		for k, i := range places {
			x := rs[i]
			if len(x.answers) < 2 || x.problem.denies() {
				continue
			}
			var above, below *resolution
			if k > 0 {
				above = rs[places[k-1]]
			}
			if k+1 < len(places) {
				below = rs[places[k+1]]
			}
			if n := r.narrowed(x, above, below); n != x {
				rs[i], changed = n, true
			}
		}
		if !changed {
			return
		}
	}
}

// narrowed returns x with only the answers that the neighbours require or, if they
// require none, allow.
func (r *Resolver) narrowed(x, above, below *resolution) *resolution {
	var allowed, asked []answer
	for _, a := range x.answers {
		up, down := link{}, link{}
		if above != nil && !x.exact {
			up = r.links.link(x, &a, above)
		}
		if below != nil && !below.exact && len(below.answers) == 1 && below.text == nil && !below.problem.denies() {
			one := *x
			one.answers = []answer{a}
			down = r.links.link(below, &below.answers[0], &one)
		}
		if up.kind == LinkDenied || down.kind == LinkDenied {
			continue
		}
		allowed = append(allowed, a)
		if up.kind >= LinkTail || down.kind >= LinkTail {
			asked = append(asked, a)
		}
	}
	keep := allowed
	// If a neighbour requires one of the places of a printed name, it is the one: the
	// others have calls through pointers at the same offset, and could have been
	// reached only through them.
	if len(asked) > 0 && len(asked) < len(allowed) && !slices.ContainsFunc(allowed, func(a answer) bool { return a.callee == "" && a.target == 0 }) {
		keep = asked
	}
	if len(keep) == 0 || len(keep) == len(x.answers) {
		return x
	}
	n := *x
	n.answers, n.places = keep, distinct(keep)
	if len(keep) == 1 && n.err == nil && keep[0].nopos.err != nil {
		n.trouble = keep[0].nopos.of(r.Describe(x.frame))
	}
	return &n
}
