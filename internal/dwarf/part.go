// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"slices"
	"sync"
)

// bytes returns the contents up to hi, of which those from lo on are there, and the offset
// that they begin at.
func (s *section) bytes(lo, hi uint64) (b []byte, base uint64) {
	if s.whole != nil && (lo < s.base || hi-s.base > uint64(len(s.b))) {
		s = s.whole
	}
	return s.b[:hi-s.base], s.base
}

// maxPart is the size of the largest part that is copied.
const maxPart = 1 << 20

var parts = sync.Pool{New: func() any { return new(section) }}

// part returns the section with the contents in [off, end) in memory of its own, if it is
// one of which that takes less time than to read it where it is mapped. Anything else is
// read there. The caller returns it with done.
func (s *section) part(off, end uint64) *section {
	end = min(end, s.size())
	if s.file == nil || s.rel || off >= end || end-off > maxPart {
		return s
	}
	p := parts.Get().(*section)
	b := slices.Grow(p.b[:0], int(end-off))[:end-off]
	*p = section{name: s.name, b: b, big: s.big, whole: s, base: off}
	if _, err := s.file.ReadAt(b, int64(off)); err != nil {
		p.done()
		return s // where the cause is found
	}
	return p
}

// done ends the use of a part.
func (s *section) done() {
	if s.whole != nil {
		*s = section{b: s.b}
		parts.Put(s)
	}
}

// move makes the part one of n bytes from off on, unless it has those at hand that are
// likely needed: the first few.
func (s *section) move(off, n uint64) {
	if s.whole == nil || off >= s.base && off-s.base+min(n, movedBytes) <= uint64(len(s.b)) {
		return
	}
	n = min(n, s.size()-min(off, s.size()))
	s.b, s.base = slices.Grow(s.b[:0], int(n))[:n], off
	if _, err := s.whole.file.ReadAt(s.b, int64(off)); err != nil {
		s.b = s.b[:0] // the whole is read
	}
}

// movedBytes is about the size of an entry of a function.
const movedBytes = 64

var unitParts = sync.Pool{New: func() any { return new(unit) }}

// part returns the unit with a part of its section: see [section.part]. The caller
// returns it with done.
func (u *unit) part(off, end uint64) *unit {
	s := u.info.part(off, end)
	if s == u.info {
		return u
	}
	p := unitParts.Get().(*unit)
	*p = *u
	p.info = s
	return p
}

// done ends the use of a unit with a part of its section.
func (u *unit) done() {
	if u.info.whole != nil {
		u.info.done()
		if u.lists != nil {
			u.lists.done()
		}
		*u = unit{}
		unitParts.Put(u)
	}
}

// target is an entry that another refers to. The zero value is none.
type target struct {
	unit *unit
	off  uint64
}

// target returns the entry that an attribute points to.
func (u *unit) target(v value) target {
	to, off, ok := u.reference(v)
	if !ok {
		return target{}
	}
	return target{to.self, off}
}

// at returns a unit from which to read a target, and ends the use of u if it is another
// one.
func (u *unit) at(p target) *unit {
	switch {
	case p.unit == nil:
	case p.unit != u.self:
		u.done()
		return p.unit.part(p.off, p.off+entryBytes)
	default:
		u.info.move(p.off, entryBytes)
	}
	return u
}

// entryBytes is more than most entries have that say what a function is called and what
// it returns.
const entryBytes = 128
