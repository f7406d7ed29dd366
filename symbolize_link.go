// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// linkKind says how the call that a frame returns to and the function of the frame
// above go together.
type linkKind int8

const (
	linkDenied linkKind = iota - 1 // the call does not lead there
	linkSilent                     // the code does not tell
	linkTail                       // what is called leads there by jumps
	linkDirect                     // the call is of this very function
)

// link is what is known of two neighbours in a backtrace.
type link struct {
	kind linkKind
	hops []hop // functions that were left by a jump, the innermost first
}

// hop is a function that is missing from a backtrace because it was left by a
// jump.
type hop struct {
	function
	pos    []Pos  // of the jump; without line if there are several
	object string // path of the file
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

// linkKey is what a link follows from.
type linkKey struct{ from, to function }

// linkCache remembers links that were not obvious.
type linkCache struct {
	mu    sync.Mutex
	links map[linkKey]link
}

// maxLinks is how many links are remembered.
const maxLinks = 4096

// link tells how the call of a goes together with the frame above.
func (s *Symbolizer) link(r *resolution, a *answer, above *resolution) link {
	switch {
	case a.callee == "" && a.target == 0:
		return link{}
	case above.frame.Func == "" && len(above.answers) == 0:
		return link{}
	case a.calls(r, above):
		return link{kind: linkDirect}
	case len(above.answers) > 1:
		return link{}
	}
	if c := (kobj.Call{Callee: a.callee}); c.Patched() {
		return link{}
	}
	from := function{module: r.module(), name: a.callee}
	if a.target != 0 {
		from.path, from.entry = r.object, a.target
	}
	to := function{module: above.module(), name: above.frame.Func}
	if len(above.answers) == 1 && above.answers[0].entry != 0 {
		to.path, to.entry = above.object, above.answers[0].entry
	}
	return s.leads(from, to, cmp.Or(above.frame.BuildID, r.frame.BuildID))
}

// leads tells how a call of a function leads to another one. The module of the
// latter has the build ID, "" if it is not known.
func (s *Symbolizer) leads(from, to function, wantID string) link {
	key := linkKey{from, to}
	s.links.mu.Lock()
	l, ok := s.links.links[key]
	s.links.mu.Unlock()
	if ok {
		return l
	}
	if err := kobj.Guard(func() error {
		w := tailWalk{s: s, to: to, wantID: wantID}
		l = w.walk(from)
		return nil
	}); err != nil {
		l = link{}
	}
	s.links.mu.Lock()
	defer s.links.mu.Unlock()
	if s.links.links == nil || len(s.links.links) >= maxLinks {
		s.links.links = make(map[linkKey]link)
	}
	s.links.links[key] = l
	return l
}

// module gives the module that a frame is in.
func (r *resolution) module() string { return cmp.Or(r.frame.Module, r.lost) }

// sameName reports whether two names are those of one global function.
func sameName(a, b string) bool {
	return a != "" && strings.TrimPrefix(a, ".") == strings.TrimPrefix(b, ".")
}
