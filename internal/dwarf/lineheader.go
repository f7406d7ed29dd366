// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "slices"

// Content types of directory and file entries, section 7.22 of DWARF 5.
const (
	lnctPath           = 1
	lnctDirectoryIndex = 2
)

// standardOperands are the numbers of operands of the standard opcodes.
var standardOperands = []uint8{0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1}

// header reads the header of the line table at the cursor.
func (t *lineTable) header(c *cursor) bool {
	t.offSize = uint8(c.unitLength())
	t.end = c.end
	t.version = uint16(c.uint(2))
	if c.bad || t.version < 2 || t.version > 5 {
		t.err = t.s.errAt(t.start, "line table of version %d", t.version)
		return false
	}
	if t.version >= 5 {
		t.addrSize = c.u8()
		c.skip(1) // segment selectors
		if t.addrSize != 4 && t.addrSize != 8 {
			return false
		}
	}
	n, _ := c.relocated(int(t.offSize))
	if c.bad || n > c.end-c.off {
		return false
	}
	t.code = c.off + n
	t.minInst = uint64(c.u8())
	t.maxOps = 1
	if t.version >= 4 {
		t.maxOps = max(uint64(c.u8()), 1)
	}
	c.skip(1) // default_is_stmt
	t.lineBase = int8(c.u8())
	t.lineRange = c.u8()
	if t.lineRange != 0 {
		t.reciprocal = 1<<16/uint32(t.lineRange) + 1
	}
	t.opcodeBase = c.u8()
	var operands [256]uint8
	for i := 1; i < int(t.opcodeBase); i++ {
		operands[i] = c.u8()
	}
	// Places in the table are kept as 32 bits.
	if c.bad || t.end-t.start > 1<<32-1 {
		return false
	}
	known := min(int(t.opcodeBase), len(standardOperands))
	if int(t.opcodeBase) > known || !slices.Equal(operands[:known], standardOperands[:known]) {
		t.operands = slices.Clone(operands[:max(int(t.opcodeBase), 1)])
	}
	if t.version >= 5 {
		t.entries(c, &t.dirForm, func(n int) { t.dirs = make([]uint32, 0, n) },
			func(name, _ uint64) { t.dirs = append(t.dirs, t.place(t.dirForm, name)) })
		t.entries(c, &t.fileForm, func(n int) { t.files = make([]fileEntry, 0, n) },
			func(name, dir uint64) {
				t.files = append(t.files, fileEntry{t.place(t.fileForm, name), uint32(min(dir, 0xffffffff))})
			})
	} else {
		t.oldEntries(c)
	}
	// If names cannot be read, lines still can.
	if c.bad {
		t.err = t.s.errAt(t.start, "file names cut off")
	}
	return true
}

// place returns what is kept of a name whose field is at an offset: see [lineTable.table].
func (t *lineTable) place(form uint16, at uint64) uint32 {
	if t.table(form) >= 0 {
		n, _ := t.s.uint(at, 4)
		return uint32(n)
	}
	return uint32(at - t.start)
}

// oldEntries reads the directories and files of versions up to 4.
func (t *lineTable) oldEntries(c *cursor) {
	t.dirForm, t.fileForm = formString, formString
	for !c.bad {
		at := c.off
		if c.skipString() {
			break
		}
		t.dirs = append(t.dirs, uint32(at-t.start))
	}
	for !c.bad {
		at := c.off
		if c.skipString() {
			break
		}
		t.oldFile(c, at)
	}
}

// oldFile reads the rest of a file entry whose name is at an offset.
func (t *lineTable) oldFile(c *cursor, at uint64) {
	dir := c.uleb()
	c.uleb() // time of modification
	c.uleb() // size
	if !c.bad {
		t.files = append(t.files, fileEntry{uint32(at - t.start), uint32(min(dir, 0xffffffff))})
	}
}

// maxExpected is the largest number of entries that is believed before they are read.
const maxExpected = 1 << 12

// entries reads the directories or files of version 5. It calls expect with the
// announced number, and add for each with the offset of its name and its directory.
func (t *lineTable) entries(c *cursor, nameForm *uint16, expect func(n int), add func(name, dir uint64)) {
	type content struct {
		kind uint64
		form uint16
		size int8
	}
	var contents [256]content
	n := int(c.u8())
	for i := range n {
		kind, form := c.uleb(), uint16(min(c.uleb(), 0xffff))
		contents[i] = content{kind, form, t.formSize(form)}
		if kind == lnctPath {
			*nameForm = form
		}
	}
	count := c.uleb()
	expect(int(min(count, c.end-c.off, maxExpected)))
	for ; count > 0 && !c.bad; count-- {
		var name, dir uint64
		before := c.off
		for _, f := range contents[:n] {
			at := c.off
			t.skipSized(c, f.size)
			if c.bad {
				return
			}
			switch f.kind {
			case lnctPath:
				name = at
			case lnctDirectoryIndex:
				dir, _ = t.s.constant(value{at, f.form})
			}
		}
		// Entries without any bytes could go on forever.
		if c.off == before {
			c.fail()
			return
		}
		add(max(name, t.start), dir)
	}
}
