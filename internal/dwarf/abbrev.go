// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"math"
	"sync"
)

// Tags of the entries that are read.
const (
	tagClassType         = 0x02
	tagLexicalBlock      = 0x0b
	tagStructureType     = 0x13
	tagCompileUnit       = 0x11
	tagUnionType         = 0x17
	tagInlinedSubroutine = 0x1d
	tagModule            = 0x1e
	tagCatchBlock        = 0x25
	tagSubprogram        = 0x2e
	tagTryBlock          = 0x32
	tagInterfaceType     = 0x38
	tagNamespace         = 0x39
	tagPartialUnit       = 0x3c
	tagCallSite          = 0x48
	tagSkeletonUnit      = 0x4a
	tagGNUCallSite       = 0x4109
)

// slot numbers the attributes that are read.
type slot uint8

const (
	slotNone slot = iota
	slotSibling
	slotName
	slotLinkageName
	slotStmtList
	slotLowPC
	slotHighPC
	slotRanges
	slotLanguage
	slotCompDir
	slotOrigin
	slotSpecification
	slotCallFile
	slotCallLine
	slotCallColumn
	slotCallReturnPC
	slotCallPC
	slotCallOrigin
	slotCallTail
	slotCallTarget
	slotStrOffsetsBase
	slotAddrBase
	slotRnglistsBase
	slotGNURangesBase
	slotDwoName
	slotDwoID
	slotType
	numSlots
)

// slots maps attribute numbers to slots; for those beyond see extensionSlot.
var slots = [...]slot{
	0x01: slotSibling,
	0x03: slotName,
	0x10: slotStmtList,
	0x11: slotLowPC,
	0x12: slotHighPC,
	0x13: slotLanguage,
	0x1b: slotCompDir,
	0x31: slotOrigin,
	0x47: slotSpecification,
	0x49: slotType,
	0x55: slotRanges,
	0x57: slotCallColumn,
	0x58: slotCallFile,
	0x59: slotCallLine,
	0x6e: slotLinkageName,
	0x72: slotStrOffsetsBase,
	0x73: slotAddrBase,
	0x74: slotRnglistsBase,
	0x76: slotDwoName,
	0x7d: slotCallReturnPC,
	0x7f: slotCallOrigin,
	0x81: slotCallPC,
	0x82: slotCallTail,
	0x83: slotCallTarget,
	0x84: slotCallTarget, // call_target_clobbered
}

// extensionSlot returns the slot of an attribute that is not in slots. GNU extensions share
// the slots of the DWARF 5 attributes that replaced them.
func extensionSlot(attr uint64) slot {
	switch attr {
	case 0x2007: // MIPS_linkage_name
		return slotLinkageName
	case 0x2111, 0x2112: // GNU_call_site_target, GNU_call_site_target_clobbered
		return slotCallTarget
	case 0x2115: // GNU_tail_call
		return slotCallTail
	case 0x2130: // GNU_dwo_name
		return slotDwoName
	case 0x2131: // GNU_dwo_id
		return slotDwoID
	case 0x2132:
		return slotGNURangesBase
	case 0x2133: // GNU_addr_base
		return slotAddrBase
	}
	return slotNone
}

// attrSpec is one attribute of an abbreviation.
type attrSpec struct {
	form     uint16
	slot     slot
	size     int8  // see formSize
	constant int32 // index of an implicit constant
}

// step is a way to skip attributes: a number of bytes, and then a value whose size is
// in the file.
type step struct {
	fixed uint32
	then  int8 // as formSize; 0: nothing
}

// abbrev is a form that many entries share. There are some hundreds in a unit, so it is
// small.
type abbrev struct {
	tag      uint16
	children bool
	code     bool // it has ranges of code
	// fixed is the size of the attributes if all of them have a fixed size; else -1, and
	// there are steps.
	fixed int16
	// sibling is the offset, from the first attribute, of the field with the next sibling,
	// if that offset is fixed and the field has four bytes; else -1.
	sibling            int16
	firstSpec          uint32 // of specs; none if entries of this kind are only skipped
	firstStep          uint32 // of steps
	numSpecs, numSteps uint16
}

const abbrevSize = 20

// maxAttributes is how many attributes an abbreviation may have. Compilers give some
// dozens.
const maxAttributes = 1<<16 - 1

// abbrevs are the abbreviations of a unit.
type abbrevs struct {
	list      []abbrev
	sparse    map[uint64]uint32 // index in list by code; nil if codes count from 1
	specs     []attrSpec
	steps     []step
	constants []int64
}

// memory returns the number of bytes that a occupies.
func (a *abbrevs) memory() int {
	return cap(a.list)*abbrevSize + cap(a.specs)*8 + cap(a.steps)*8 + cap(a.constants)*8 + len(a.sparse)*32
}

// find returns the abbreviation with a code, or nil if there is none.
func (a *abbrevs) find(code uint64) *abbrev {
	if a.sparse == nil {
		if code-1 < uint64(len(a.list)) {
			return &a.list[code-1]
		}
		return nil
	}
	if i, ok := a.sparse[code]; ok {
		return &a.list[i]
	}
	return nil
}

// abbrevPool has memory for reading abbreviations.
var abbrevPool = sync.Pool{New: func() any { return new(abbrevs) }}

// parseAbbrevs reads the abbreviations at off for units with encoding enc. If only is
// not 0, it stops after that code. It also returns the number of bytes that it read.
func parseAbbrevs(s *section, off uint64, enc encoding, only uint64) (*abbrevs, uint64, error) {
	a := abbrevPool.Get().(*abbrevs)
	defer abbrevPool.Put(a)
	*a = abbrevs{list: a.list[:0], specs: a.specs[:0], steps: a.steps[:0], constants: a.constants[:0]}
	c := s.cursor(off, s.size())
	if err := a.parse(&c, enc, only); err != nil {
		return nil, c.off - min(off, c.off), err
	}
	return &abbrevs{
		list:      packed(a.list),
		sparse:    a.sparse,
		specs:     packed(a.specs),
		steps:     packed(a.steps),
		constants: packed(a.constants),
	}, c.off - off, nil
}

// parse reads the abbreviations at the cursor.
func (a *abbrevs) parse(c *cursor, enc encoding, only uint64) error {
	var sizes formSizes
	for form := range sizes {
		sizes[form] = enc.formSize(uint16(form))
	}
	for {
		at := c.off
		code := c.uleb()
		if c.bad {
			return c.s.errAt(at, "abbreviations cut off")
		}
		if code == 0 {
			return nil
		}
		ab := abbrev{sibling: -1, firstSpec: uint32(len(a.specs)), firstStep: uint32(len(a.steps))}
		if tag := c.uleb(); tag <= 0xffff {
			ab.tag = uint16(tag)
		}
		ab.children = c.u8() != 0
		if !a.parseSpecs(c, &ab, enc, &sizes) {
			return c.s.errAt(at, "abbreviation cut off")
		}
		if a.sparse == nil && code != uint64(len(a.list))+1 {
			a.sparse = make(map[uint64]uint32)
			for i := range a.list {
				a.sparse[uint64(i)+1] = uint32(i)
			}
		}
		if a.sparse != nil {
			if _, twice := a.sparse[code]; !twice {
				a.sparse[code] = uint32(len(a.list))
			}
		}
		a.list = append(a.list, ab)
		if code == only {
			return nil
		}
	}
}

// kept reports whether attributes of entries with a tag are read. All other entries are
// skipped.
func kept(tag uint16) bool {
	switch tag {
	case tagCompileUnit, tagPartialUnit, tagSkeletonUnit, tagSubprogram, tagInlinedSubroutine, tagCallSite, tagGNUCallSite,
		tagTypedef, tagConstType, tagVolatileType, tagRestrictType, tagAtomicType: // of what functions return
		return true
	}
	return false
}

// formSizes has the results of formSize for all standard forms.
type formSizes [formAddrx4 + 1]int8

// parseSpecs reads the attributes of one abbreviation.
func (a *abbrevs) parseSpecs(c *cursor, ab *abbrev, enc encoding, sizes *formSizes) bool {
	fixed := uint32(0)
	fixedSoFar := true
	keep := kept(ab.tag)
	for n := 0; ; n++ {
		if n == maxAttributes {
			return false
		}
		var attr, form uint64
		if at, b := c.off-c.s.base, c.s.b; c.off+1 < c.end && at+1 < uint64(len(b)) && b[at]|b[at+1] < 0x80 {
			attr, form = uint64(b[at]), uint64(b[at+1])
			c.off += 2
		} else if attr, form = c.uleb(), c.uleb(); c.bad {
			return false
		}
		if attr == 0 && form == 0 {
			break
		}
		spec := attrSpec{form: uint16(min(form, 0xffff))}
		if attr < uint64(len(slots)) {
			spec.slot = slots[attr]
		} else {
			spec.slot = extensionSlot(attr)
		}
		if form < uint64(len(sizes)) {
			spec.size = sizes[form]
		} else {
			spec.size = enc.formSize(spec.form)
		}
		if spec.form == formImplicitConst {
			constant := c.sleb()
			if c.bad {
				return false
			}
			if keep && spec.slot != slotNone {
				spec.constant = int32(len(a.constants))
				a.constants = append(a.constants, constant)
			}
		}
		ab.code = ab.code || spec.slot == slotRanges || spec.slot == slotHighPC
		if spec.slot == slotSibling && spec.form == formRef4 && fixedSoFar && fixed < 1<<14 {
			ab.sibling = int16(fixed)
		}
		if keep {
			a.keep(ab, spec)
		}
		if spec.size >= 0 {
			fixed += uint32(spec.size)
			continue
		}
		fixedSoFar = false
		a.steps = append(a.steps, step{fixed, spec.size})
		fixed = 0
	}
	if ab.fixed = int16(fixed); !fixedSoFar || fixed > math.MaxInt16 {
		ab.fixed = -1
		if fixed > 0 {
			a.steps = append(a.steps, step{fixed: fixed})
		}
	}
	ab.numSpecs = uint16(len(a.specs) - int(ab.firstSpec))
	ab.numSteps = uint16(len(a.steps) - int(ab.firstStep))
	return true
}

// keep appends an attribute of the abbreviation that is being read. Uninteresting ones
// of fixed size are skipped together.
func (a *abbrevs) keep(ab *abbrev, spec attrSpec) {
	if spec.slot == slotNone && spec.size >= 0 && len(a.specs) > int(ab.firstSpec) {
		last := &a.specs[len(a.specs)-1]
		if last.slot == slotNone && last.size >= 0 && last.size <= math.MaxInt8-spec.size {
			last.size += spec.size
			return
		}
	}
	a.specs = append(a.specs, spec)
}

// skip moves the cursor past the attributes of an entry.
func (a *abbrevs) skip(c *cursor, ab *abbrev, enc encoding) {
	if ab.fixed >= 0 {
		c.skip(uint64(ab.fixed))
		return
	}
	for _, st := range a.steps[ab.firstStep:][:ab.numSteps] {
		c.skip(uint64(st.fixed))
		if st.then != 0 {
			enc.skipSized(c, st.then)
		}
	}
}
