// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"runtime"
	"slices"
)

// entries returns the unit that has the entries of u: u itself, or the one in the split
// file.
func (u *unit) entries() *unit {
	if v := u.root.get(slotDwoName); v.form == 0 || u.skeleton != nil {
		return u
	}
	u.splitOnce.Do(func() { u.split, u.splitErr = u.openSplit() })
	if u.split != nil {
		return u.split
	}
	return u
}

// function returns the entry's offset of the function that pc belongs to, and the range
// of it that contains pc. If functions are nested, it returns the inner one.
func (u *unit) function(pc uint64) (span, bool) {
	u.funcOnce.Do(u.indexFunctions)
	var buf [4]span
	if s := u.functions.covering(pc, buf[:0]); len(s) > 0 {
		return s[0], true
	}
	return span{}, false
}

// indexFunctions builds the index of functions in one pass over the unit.
func (u *unit) indexFunctions() {
	u = u.part(u.off, u.end)
	defer u.done()
	buf := spanPool.Get().(*[]span)
	spans := (*buf)[:0]
	defer func() {
		*buf = spans
		spanPool.Put(buf)
	}()
	quota := u.o.rangeQuota()
	scopes := u.scopes()
	var table strides
	u.strides(&table, scopes)
	c := u.info.cursor(u.root.next, u.end)
	var e entry
	depth := 0
	if u.root.abbrev.children {
		depth = 1
	}
	for depth > 0 && c.off < c.end {
		u.stride(&c, &table)
		at := c.off
		code := c.uleb()
		if code == 0 {
			depth--
			continue
		}
		ab := u.abbrevs.find(code)
		if ab == nil {
			u.funcErr = u.info.errAt(at, "abbreviation is not defined")
			break
		}
		function := ab.tag == tagSubprogram && ab.code
		if function {
			spans = u.appendFunction(at, &e, spans, &quota)
		}
		if ab.children && !ab.scope(scopes) {
			// All children and their end are skipped at once.
			next, ok := u.sibling(ab, c.off)
			if !ok && function {
				next, ok = u.siblingOf(&e)
			}
			if ok {
				c.off = next
				continue
			}
		}
		u.abbrevs.skip(&c, ab, u.encoding)
		if c.bad {
			u.funcErr = u.info.errAt(at, "entry cut off, or of an unknown form")
			break
		}
		if ab.children {
			depth++
		}
	}
	if c.bad && u.funcErr == nil {
		u.funcErr = u.info.errAt(u.off, "entries cut off")
	}
	u.functions = newSpanIndex(packed(spans))
	u.o.d.charge(u, len(spans)*spanSize+len(u.functions.reach)*8)
}

// strides says by the first byte of an entry how to get over the entry and its children.
type strides [256]stride

// stride is a way over an entry, counted from its start: a number of bytes or, if jump
// is set, to where the field at an offset says. The zero value is none.
type stride struct {
	bytes uint32
	field uint16
	jump  bool
	ok    bool
}

// strides fills in the ways over all entries but those of functions, which are read.
func (u *unit) strides(t *strides, scopes bool) {
	if u.abbrevs.sparse != nil {
		return
	}
	list := u.abbrevs.list
	for i := range list[:min(len(list), 0x7f)] {
		ab, s := &list[i], &t[i+1]
		switch {
		case ab.tag == tagSubprogram && ab.code:
		case ab.children && !ab.scope(scopes) && ab.sibling >= 0:
			*s = stride{field: 1 + uint16(ab.sibling), jump: true, ok: true}
		case !ab.children && ab.fixed >= 0:
			*s = stride{bytes: 1 + uint32(ab.fixed), ok: true}
		}
	}
}

// maxStride is more than a field is away from its entry, and the field itself has.
const maxStride = 1<<14 + 8

// strideAhead is how many bytes ahead memory is touched.
const strideAhead = 512

// stride moves the cursor over entries until it is at one without a way over it, or near
// the end. A unit of the kernel has thousands of types, and what comes next depends on
// each. So this loop reads the field of every entry before it is known to be of use, and
// asks early for the memory that it will need: waiting for that is most of the work.
func (u *unit) stride(c *cursor, table *strides) {
	b, base := c.s.bytes(u.off, c.end)
	b = b[u.off-base:]
	off := c.off - u.off
	if len(b) < maxStride || c.s.big {
		return
	}
	var touched byte
	for last := uint64(len(b)) - maxStride; off < last; {
		s := table[b[off]]
		if !s.ok {
			break
		}
		touched += b[off+strideAhead]
		at, next := off+uint64(s.field), off+uint64(s.bytes)
		// Slicing would take longer.
		to := uint64(uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16 | uint32(b[at+3])<<24)
		if s.jump {
			next = to
		}
		if next <= off || next > uint64(len(b)) {
			break // the field is damaged
		}
		off = next
	}
	runtime.KeepAlive(touched)
	c.off = u.off + off
}

// sibling returns the offset of the entry behind the children of another, if the latter
// records it. Its attributes are at attrs.
func (u *unit) sibling(ab *abbrev, attrs uint64) (uint64, bool) {
	if ab.sibling < 0 {
		return 0, false
	}
	n, ok := u.info.uint(attrs+uint64(ab.sibling), 4)
	next := u.off + n
	return next, ok && next > attrs && next <= u.end
}

// siblingOf is sibling for an entry that was read. In functions the field is behind an
// expression, whose size differs.
func (u *unit) siblingOf(e *entry) (uint64, bool) {
	to, off, ok := u.reference(e.get(slotSibling))
	return off, ok && to == u && off > e.attrs
}

// appendFunction appends the ranges of the function whose entry is at an offset.
func (u *unit) appendFunction(at uint64, e *entry, spans []span, quota *int) []span {
	err := u.read(at, e)
	if err == nil && u.hasRanges(e) {
		spans, err = u.appendRanges(e, at, spans, quota)
	}
	if err != nil && u.funcErr == nil {
		u.funcErr = err
	}
	return spans
}

// scope reports whether functions can be inside an entry. scopes says whether functions
// of the unit's language can be inside other things at all.
func (ab *abbrev) scope(scopes bool) bool {
	switch ab.tag {
	case tagNamespace, tagModule, tagStructureType, tagClassType, tagUnionType, tagInterfaceType, tagSubprogram:
		return scopes
	}
	return false
}

// scopes reports whether the language of u has functions inside other things. In C
// these are only GNU's nested functions, which kernel code does not have.
func (u *unit) scopes() bool {
	switch u.lang {
	case 0x01, 0x02, 0x0c, 0x1d, 0x2c, 0x3e, langAssembler: // C to C23
		return false
	}
	return true
}

// langAssembler is the language of units whose functions need no entries.
const langAssembler = 0x8001

// locate fills in what is known about pc. It reports false if nothing is known.
func (u *unit) locate(pc uint64, loc *Location) (bool, error) {
	t := u.lines()
	r, haveLine := t.find(pc)
	du := u.entries()
	fn, haveFunc := du.function(pc)
	err := u.firstErr(du)
	if !haveLine && !haveFunc {
		return false, err
	}
	*loc = Location{Unit: du.name, Err: err}
	pos := Frame{}
	if haveLine {
		pos.Line, pos.Column = int(r.line), int(r.column)
		if r.file != noFile {
			pos.File = u.file(t, uint64(r.file))
		}
	}
	if !haveFunc {
		loc.NoFunction = err == nil && du.lang != langAssembler
		loc.Frames = []Frame{pos}
		return true, nil
	}
	loc.Low, loc.High = fn.lo, fn.hi
	var buf [8]inlined
	in := du.inlinedAt(fn.at, pc, buf[:0])
	if loc.Err == nil {
		loc.Err = in.err
	}
	loc.Entry = in.entry
	loc.Frames = make([]Frame, 0, len(in.chain)+1)
	for _, call := range slices.Backward(in.chain) {
		pos.Inlined = true
		du.signature(call.at, &pos)
		loc.Frames = append(loc.Frames, pos)
		pos = Frame{Line: call.line, Column: call.column}
		if call.hasFile {
			pos.File = u.file(t, call.file)
		}
	}
	du.signature(fn.at, &pos)
	loc.Frames = append(loc.Frames, pos)
	return true, nil
}

// firstErr returns the first read error of a unit, after its lines and functions were
// read. du has the entries of u.
func (u *unit) firstErr(du *unit) error {
	_, altErr := u.o.d.alternate()
	for _, err := range []error{u.err, u.splitErr, du.err, du.funcErr, u.line.err, altErr} {
		if err != nil {
			return err
		}
	}
	return nil
}
