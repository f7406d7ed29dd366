// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// link is what is known about two neighbours in a backtrace. A LinkSilent may come with
// the function that is called, as its only hop: it is not that of the frame above, and
// the code does not tell how it leads there.
type link struct {
	kind Link
	hops []hop // functions that were left by a jump, the innermost first
}

// hop is a function that is missing from a backtrace because it was left by a
// jump.
type hop struct {
	function
	pos    []Pos  // of the jump; without line if there are several
	fileID string // build ID of its file
	next   string // what it jumps to, "" if that is not certain
}

// function is a function by its place in a file, or by its name alone if there is
// no file.
type function struct {
	module string
	name   string // of its symbol; may be "" if entry is set
	path   string // of the file, "" if there is none
	entry  uint64 // of its symbol in the file
}

// linkKey identifies a link.
type linkKey struct{ from, to function }

// linker finds links between neighbours in backtraces.
type linker struct {
	images *images
	memory *memory
	source *sources
	known  cache[linkKey, link]

	allocates func(name string) bool // see [Config]
}

// link returns the link from the call of a to the frame above.
func (l *linker) link(x *resolution, a *answer, above *resolution) link {
	switch {
	case a.callee == "" && a.target == 0:
		return link{}
	case above.frame.Func == "" && len(above.answers) == 0:
		return link{}
	case a.calls(x, above):
		return link{kind: LinkDirect}
	case len(above.answers) > 1, len(above.answers) == 1 && above.answers[0].foreign:
		return link{}
	}
	if c := (kobj.Call{Callee: a.callee}); c.Patched() {
		return link{}
	}
	from := function{module: x.module(), name: a.callee}
	if a.target != 0 {
		from.path, from.entry = x.file, a.target
	}
	to := function{module: above.module(), name: above.frame.Func}
	if len(above.answers) == 1 && above.answers[0].entry != 0 {
		to.path, to.entry = above.file, above.answers[0].entry
	}
	return l.leads(from, to, cmp.Or(above.frame.BuildID, x.frame.BuildID))
}

// leads returns the link from a call of a function to another function. The module of
// the latter has the build ID, "" if it is not known.
func (l *linker) leads(from, to function, wantID string) link {
	key := linkKey{from, to}
	known, ok := l.known.get(key)
	if ok {
		return known
	}
	if err := kobj.Guard(func() error {
		w := tailWalk{linker: l, to: to, wantID: wantID}
		known = w.walk(from)
		return nil
	}); err != nil {
		known = link{}
	}
	l.known.put(key, known)
	return known
}

// calls reports whether the call before an answer is of the function that the
// frame above is in, and above's answers are the same file's.
func (a *answer) calls(x, above *resolution) bool {
	if a.callee == "" && a.target == 0 || above.frame.Func == "" && len(above.answers) == 0 {
		return false
	}
	if x.file != "" && x.file == above.file && a.target != 0 {
		return slices.ContainsFunc(above.answers, func(b answer) bool { return b.entry == a.target })
	}
	if len(above.answers) > 0 && above.answers[0].foreign {
		return false // its name is not the printed one
	}
	callee, function := strings.TrimPrefix(a.callee, "."), strings.TrimPrefix(above.frame.Func, ".")
	// Call sites name the function of the source, which may be a clone's.
	return callee != "" && (callee == function || callee == kobj.Stem(function))
}

// sameName reports whether two names are those of one global function.
func sameName(a, b string) bool {
	return a != "" && strings.TrimPrefix(a, ".") == strings.TrimPrefix(b, ".")
}
