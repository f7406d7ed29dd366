// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "encoding/binary"

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
	buf := spanPool.Get().(*[]span)
	spans := (*buf)[:0]
	defer func() {
		*buf = spans
		spanPool.Put(buf)
	}()
	quota := u.o.rangeQuota()
	c := u.info.cursor(u.root.next, u.end)
	b := u.info.b[:c.end]
	list := u.abbrevs.list
	dense := u.abbrevs.sparse == nil
	var e entry
	scopes := u.scopes()
	depth := 0
	if u.root.abbrev.children {
		depth = 1
	}
	off := c.off
	for depth > 0 && off < uint64(len(b)) {
		at := off
		var ab *abbrev
		if code := b[at]; dense && code < 0x80 {
			off++
			if code == 0 {
				depth--
				continue
			}
			if int(code) <= len(list) {
				ab = &list[code-1]
			}
		} else {
			c.off = at
			code := c.uleb()
			off = c.off
			if code == 0 && !c.bad {
				depth--
				continue
			}
			ab = u.abbrevs.find(code)
		}
		if ab == nil {
			u.funcErr = u.info.errAt(at, "abbreviation is not defined")
			break
		}
		if ab.tag == tagSubprogram {
			spans = u.appendFunction(at, &e, spans, &quota)
		} else if ab.fixed != 0 {
			off += uint64(ab.fixed)
			continue
		}
		if ab.children && !ab.scope(scopes) {
			// All children and their end are skipped at once.
			if next, ok := u.sibling(ab, off); ok {
				off = next
				continue
			}
		}
		c.off = off
		u.abbrevs.skip(&c, ab, u.encoding)
		off = c.off
		if c.bad {
			u.funcErr = u.info.errAt(at, "entry cut off, or of an unknown form")
			break
		}
		if ab.children {
			depth++
		}
	}
	if off > uint64(len(b)) && u.funcErr == nil {
		u.funcErr = u.info.errAt(u.off, "entries cut off")
	}
	u.functions = newSpanIndex(packed(spans))
	u.o.d.charge(u, len(spans)*spanSize+len(u.functions.reach)*8)
}

// sibling returns the offset of the entry behind the children of another, if the latter
// records it. Its attributes are at attrs.
func (u *unit) sibling(ab *abbrev, attrs uint64) (uint64, bool) {
	if ab.sibling < 0 {
		return 0, false
	}
	at, b := attrs+uint64(ab.sibling), u.info.b
	if at+4 > uint64(len(b)) {
		return 0, false
	}
	next := u.off
	if u.info.big {
		next += uint64(binary.BigEndian.Uint32(b[at:]))
	} else {
		next += uint64(binary.LittleEndian.Uint32(b[at:]))
	}
	return next, next > attrs && next <= u.end
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
	lang, _ := u.info.constant(u.root.get(slotLanguage))
	switch lang {
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
	*loc = Location{Unit: du.unitName(), Err: err}
	pos := Frame{}
	if haveLine {
		pos.Line, pos.Column = int(r.line), int(r.column)
		if r.file != noFile {
			pos.File = u.file(uint64(r.file))
		}
	}
	if !haveFunc {
		lang, _ := du.info.constant(du.root.get(slotLanguage))
		loc.NoFunction = err == nil && lang != langAssembler
		loc.Frames = []Frame{pos}
		return true, nil
	}
	loc.Low, loc.High = fn.lo, fn.hi
	tr := du.tree(fn.at)
	if tr.err != nil && loc.Err == nil {
		loc.Err = tr.err
	}
	loc.Entry = tr.entry
	var buf [16]int32
	chain := tr.chain(pc, buf[:0])
	loc.Frames = make([]Frame, 0, len(chain)+1)
	for i := len(chain) - 1; i >= 0; i-- {
		n := &tr.nodes[chain[i]]
		pos.Inlined = true
		fn := du.funcName(du.off + uint64(n.at))
		pos.Name, pos.LinkageName = fn.name, fn.linkage
		loc.Frames = append(loc.Frames, pos)
		pos = Frame{Line: int(n.line), Column: int(n.column)}
		if n.hasFile {
			pos.File = u.file(uint64(n.file))
		}
	}
	n := du.funcName(fn.at)
	pos.Name, pos.LinkageName = n.name, n.linkage
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
