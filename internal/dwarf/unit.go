// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "sync"

// Types of units in DWARF 5.
const (
	unitCompile      = 1
	unitType         = 2
	unitPartial      = 3
	unitSkeleton     = 4
	unitSplitCompile = 5
	unitSplitType    = 6
)

// unit is one unit of .debug_info.
type unit struct {
	o    *object
	info *section
	encoding
	kind     uint8  // in DWARF 5, else 0
	off, end uint64 // in .debug_info, from the header on
	die      uint64 // the first entry
	abbrevs  *abbrevs
	err      error // the root entry is not complete

	root           entry
	name, compDir  string
	lang           uint64 // DW_AT_language, 0 if it is not known
	low            uint64 // base of ranges, 0 if there is none
	lowLive        bool   // low is an address of code in the file
	program        uint64 // offset of the line program
	programOK      bool   // it is known
	strOffsetsBase uint64
	addrBase       uint64
	rnglistsBase   uint64
	dwoID          uint64
	skeleton       *unit // the unit of the main file that this split one belongs to

	// Of a part, see part: a part of .debug_rnglists, nil if it was not read.
	lists *section

	*decoded
}

// decoded is what was decoded of a unit when it was needed.
type decoded struct {
	self *unit // the unit, not one with a part of its section

	cached cached

	splitOnce sync.Once
	split     *unit // the unit with the entries, if they are in a file of their own
	splitErr  error

	lineOnce sync.Once
	line     *lineTable

	funcOnce  sync.Once
	functions spanIndex // by range; at is the offset of the entry
	funcErr   error

	originOnce sync.Once
	origins    map[uint64]uint64 // start of the function made from an abstract one, 0 if there are several

	treeMu sync.Mutex
	trees  map[uint64]*tree // by offset of the function's entry
}

// entry is one debugging information entry (DIE): the values that are needed, not
// decoded yet.
type entry struct {
	off    uint64  // in .debug_info
	attrs  uint64  // its first attribute
	next   uint64  // the entry behind it: its first child if it has children
	abbrev *abbrev // nil for the mark at the end of children
	has    uint64  // the slots that are set, as bits
	values [numSlots]value
}

// get returns the value of an attribute, or the zero value if there is none.
func (e *entry) get(s slot) value {
	if e.has&(1<<s) == 0 {
		return value{}
	}
	return e.values[s]
}

func (e *entry) tag() uint16 {
	if e.abbrev == nil {
		return 0
	}
	return e.abbrev.tag
}

// read reads the entry at off. On error, e has the values read so far.
func (u *unit) read(off uint64, e *entry) error {
	c := u.info.cursor(off, u.end)
	e.off, e.abbrev, e.has = off, nil, 0
	if off < u.die {
		return u.info.errAt(off, "no entry of the unit at %#x", u.off)
	}
	code := c.uleb()
	e.attrs, e.next = c.off, c.off
	if c.bad {
		return u.info.errAt(off, "entry cut off")
	}
	if code == 0 {
		return nil
	}
	ab := u.abbrevs.find(code)
	if ab == nil {
		return u.info.errAt(off, "abbreviation %d is not defined", code)
	}
	e.abbrev = ab
	if ab.numSpecs == 0 {
		u.abbrevs.skip(&c, ab, u.encoding)
		if c.bad {
			return u.info.errAt(off, "form of entry is unknown or cut off")
		}
		e.next = c.off
		return nil
	}
	specs := u.abbrevs.specs[ab.firstSpec:][:ab.numSpecs]
	for i := range specs {
		spec := &specs[i]
		if spec.slot == slotNone && spec.size >= 0 {
			c.skip(uint64(spec.size))
			if c.bad {
				return u.info.errAt(off, "entry cut off")
			}
			continue
		}
		v := value{off: c.off, form: spec.form}
		switch {
		case spec.form == formImplicitConst:
			v.off = uint64(u.abbrevs.constants[spec.constant])
		case spec.size >= 0:
			c.skip(uint64(spec.size))
		default:
			if spec.form == formIndirect {
				peek := c
				v.form = uint16(min(peek.uleb(), 0xffff))
				v.off = peek.off
			}
			u.skipSized(&c, spec.size)
		}
		if c.bad {
			return u.info.errAt(off, "form %#x of entry is unknown or cut off", spec.form)
		}
		if spec.slot != slotNone {
			e.has |= 1 << spec.slot
			e.values[spec.slot] = v
		}
	}
	e.next = c.off
	return nil
}

// header reads the header of the unit at off.
func (o *object) header(info *section, off uint64) (*unit, uint64, error) {
	u := &unit{o: o, info: info, off: off, decoded: new(decoded)}
	u.self = u
	c := info.cursor(off, info.size())
	u.offSize = uint8(c.unitLength())
	u.end = c.end
	u.version = uint16(c.uint(2))
	if c.bad {
		return nil, 0, info.errAt(off, "unit header cut off")
	}
	if u.version < 2 || u.version > 5 {
		return nil, 0, info.errAt(off, "unit of DWARF version %d", u.version)
	}
	var abbrevOff uint64
	if u.version >= 5 {
		u.kind = c.u8()
		u.addrSize = c.u8()
		abbrevOff, _ = c.relocated(int(u.offSize))
		switch u.kind {
		case unitSkeleton, unitSplitCompile:
			u.dwoID = c.uint(8)
		case unitType, unitSplitType:
			c.skip(8 + uint64(u.offSize))
		}
	} else {
		abbrevOff, _ = c.relocated(int(u.offSize))
		u.addrSize = c.u8()
	}
	if c.bad {
		return nil, 0, info.errAt(off, "unit header cut off")
	}
	if u.addrSize != 4 && u.addrSize != 8 {
		return nil, 0, info.errAt(off, "addresses of %d bytes", u.addrSize)
	}
	u.die = c.off
	return u, abbrevOff, nil
}

// load reads the header and the root entry of the unit at off. If light is set, only
// the root entry of the unit can be used. load also returns the number of bytes of
// abbreviations that it read.
func (o *object) load(off uint64, light bool) (*unit, uint64, error) {
	info := o.section(secInfo)
	head := info.part(off, off+rootBytes)
	defer head.done()
	u, abbrevOff, err := o.header(head, off)
	if err != nil {
		return nil, 0, err
	}
	only := uint64(0)
	if light {
		only, _, _ = u.info.uleb(u.die)
	}
	var read uint64
	u.abbrevs, read, err = parseAbbrevs(o.section(secAbbrev), abbrevOff, u.encoding, only)
	if err != nil {
		return nil, read, err
	}
	u.err = u.read(u.die, &u.root)
	if u.root.abbrev == nil {
		if u.err == nil {
			u.err = u.info.errAt(u.die, "unit without a root entry")
		}
		return nil, read, u.err
	}
	u.bases()
	if !light {
		u.name, u.compDir = u.text(u.root.get(slotName)), u.text(u.root.get(slotCompDir))
	}
	u.info = info
	return u, read, nil
}

// rootBytes is more than the header and the root entry of a unit have.
const rootBytes = 256

// bases reads those attributes of the root entry that others depend on, even others in
// front of them, and what every frame needs: the page of the root entry is here now.
func (u *unit) bases() {
	base := func(s slot, header uint64) uint64 {
		if v, ok := u.info.offset(u.root.get(s), u.offSize); ok {
			return v
		}
		return header
	}
	// Without the attribute, as is usual in split files, the tables begin behind the
	// header of their section.
	var offsetsHeader, listsHeader uint64
	if u.version >= 5 {
		offsetsHeader, listsHeader = 8, 12
		if u.offSize == 8 {
			offsetsHeader, listsHeader = 16, 20
		}
	}
	u.strOffsetsBase = base(slotStrOffsetsBase, offsetsHeader)
	u.addrBase = base(slotAddrBase, offsetsHeader)
	u.rnglistsBase = base(slotRnglistsBase, listsHeader)
	if v, ok := u.info.constant(u.root.get(slotDwoID)); ok {
		u.dwoID = v
	}
	u.program, u.programOK = u.info.offset(u.root.get(slotStmtList), u.offSize)
	u.lang, _ = u.info.constant(u.root.get(slotLanguage))
	u.low, u.lowLive = u.address(u.root.get(slotLowPC))
	if !u.lowLive {
		u.low = 0
	}
}

// address returns a value that is an address. It is not ok if the address is unknown or
// that of code that the linker dropped.
func (u *unit) address(v value) (uint64, bool) {
	s, off := u.info, v.off
	if v.form != formAddr {
		i, ok := u.info.index(v)
		if !ok {
			return 0, false
		}
		s, off, ok = u.indexed(i)
		if !ok {
			return 0, false
		}
	}
	return u.addressAt(s, off)
}

// indexed returns where the i-th address of the unit's address table is.
func (u *unit) indexed(i uint64) (s *section, off uint64, ok bool) {
	if u.skeleton != nil {
		u = u.skeleton
	}
	s = u.o.section(secAddr)
	if i > s.size() {
		return s, 0, false
	}
	return s, u.addrBase + i*uint64(u.addrSize), true
}

func (u *unit) addressAt(s *section, off uint64) (uint64, bool) {
	addr, st, ok := s.relocated(off, int(u.addrSize))
	return addr, ok && !u.o.d.dead(addr, st, int(u.addrSize))
}

// text returns the string that an attribute stands for, or "" if the attribute is
// missing or cannot be read.
func (u *unit) text(v value) string {
	switch v.form {
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4, formGNUStrIndex:
		i, ok := u.info.index(v)
		offsets := u.o.section(secStrOffsets)
		if !ok || i > offsets.size() {
			return ""
		}
		off, ok := offsets.relocatedConstant(u.strOffsetsBase+i*uint64(u.offSize), int(u.offSize))
		if !ok {
			return ""
		}
		return u.o.textAt(secStr, off)
	}
	return u.o.text(u.info, v, u.offSize)
}

// reference returns the entry that an attribute points to.
func (u *unit) reference(v value) (*unit, uint64, bool) {
	var off uint64
	var ok bool
	switch v.form {
	case formRef1:
		off, ok = u.info.uint(v.off, 1)
	case formRef2:
		off, ok = u.info.uint(v.off, 2)
	case formRef4:
		off, ok = u.info.uint(v.off, 4)
	case formRef8:
		off, ok = u.info.uint(v.off, 8)
	case formRefUdata:
		off, _, ok = u.info.uleb(v.off)
	case formRefAddr:
		off, ok = u.info.relocatedConstant(v.off, int(u.formSize(formRefAddr)))
		if !ok {
			return nil, 0, false
		}
		return u.o.entryAt(u, off)
	case formRefSup4, formRefSup8, formGNURefAlt:
		off, ok = u.info.relocatedConstant(v.off, int(u.formSize(v.form)))
		alt, _ := u.o.d.alternate()
		if !ok || alt == nil {
			return nil, 0, false
		}
		return alt.entryAt(nil, off)
	}
	if !ok || off >= u.end-u.off {
		return nil, 0, false
	}
	return u, u.off + off, true
}

// entryAt returns the unit that an offset in .debug_info belongs to. Often that is the
// unit that refers to it.
func (o *object) entryAt(from *unit, off uint64) (*unit, uint64, bool) {
	if from != nil && off >= from.die && off < from.end {
		return from, off, true
	}
	u, err := o.unitAt(off)
	return u, off, err == nil
}
