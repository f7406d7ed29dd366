// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"sort"
	"sync"
)

// lineTable is what is kept of a unit's line table: its file names, and the places from
// which to run its program to find the line of an address.
type lineTable struct {
	lineProgram
	dirs        []uint32 // where the names are, see table
	files       []fileEntry
	dirForm     uint16 // form of the names of directories
	fileForm    uint16
	index       spanIndex // at is the index of the sequence
	sequences   []sequence
	checkpoints []checkpoint
	rows        []row
	err         error // the table is not complete
}

// fileEntry is a source file of a line table.
type fileEntry struct {
	name uint32 // where the name is, see table
	dir  uint32 // index of its directory
}

// scans has memory for passes over line programs.
var scans = sync.Pool{New: func() any { return new(scan) }}

// lines returns the line table, which is empty if the unit has none.
func (u *unit) lines() *lineTable {
	u.lineOnce.Do(func() {
		t := &lineTable{lineProgram: lineProgram{o: u.o, s: u.o.section(secLine), encoding: u.encoding}}
		u.line = t
		v := u.root.get(slotStmtList)
		if v.form == 0 {
			return
		}
		if !u.programOK {
			t.err = u.info.errAt(u.off, "line program is not known")
			return
		}
		t.read(u.program)
		u.o.d.charge(u, len(t.dirs)*4+len(t.files)*8+len(t.rows)*24+len(t.checkpoints)*checkpointSize+
			len(t.index.spans)*(spanSize+sequenceSize))
	})
	return u.line
}

// read reads the header at off and indexes the program.
func (t *lineTable) read(off uint64) {
	t.start = off
	whole := t.s
	length := whole.part(off, off+12)
	c := length.cursor(off, whole.size())
	c.unitLength()
	length.done()
	t.s = whole.part(off, c.end)
	defer func() {
		t.s.done()
		t.s = whole
	}()
	c = t.s.cursor(off, t.s.size())
	if !t.header(&c) {
		if t.err == nil {
			t.err = t.s.errAt(c.off, "line table header cut off")
		}
		return
	}
	x := scans.Get().(*scan)
	defer scans.Put(x)
	x.clear()
	p := t.lineProgram
	if t.version < 5 {
		p.define = func(c *cursor) {
			at := c.off
			c.skipString()
			t.oldFile(c, at)
		}
	}
	x.p = &p
	x.read()
	if t.err == nil {
		t.err = x.err
	}
	t.index = newSpanIndex(packed(x.spans))
	t.sequences = packed(x.sequences)
	t.checkpoints = packed(x.checkpoints)
	t.rows = packed(x.rows)
	x.p = nil
}

// find returns the row that covers pc.
func (t *lineTable) find(pc uint64) (row, bool) {
	var buf [4]span
	for _, s := range t.index.covering(pc, buf[:0]) {
		seq := t.sequences[s.at]
		if seq.sorted {
			rows := t.rows[seq.first:seq.last]
			if n := sort.Search(len(rows), func(i int) bool { return rows[i].addr > pc }); n > 0 {
				return rows[n-1], true
			}
			continue
		}
		points := t.checkpoints[seq.first:seq.last]
		n := sort.Search(len(points), func(i int) bool { return points[i].addr > pc })
		if n == 0 {
			continue
		}
		p, end := points[n-1], t.end
		if next := int(seq.first) + n; next < len(t.checkpoints) {
			end = t.start + uint64(t.checkpoints[next].off)
		}
		s := t.s.part(t.start+uint64(p.off), end)
		defer s.done()
		r := registers{addr: p.addr, op: uint64(p.op), line: uint64(p.line), file: uint64(p.file), column: uint64(p.column), live: true}
		c := s.cursor(t.start+uint64(p.off), end)
		found := r.row()
		for {
			if e, _ := t.run(&c, &r, 1); e != eventRow || r.addr > pc {
				break
			}
			found = r.row()
		}
		return found, true
	}
	return row{}, false
}

// file returns the path of the i-th file of t in pieces.
func (u *unit) file(t *lineTable, i uint64) File {
	f := File{}
	if t.version < 5 {
		if i == 0 {
			return f
		}
		i-- // files count from 1
	}
	if i >= uint64(len(t.files)) {
		return f
	}
	e := t.files[i]
	f.Name = t.name(t.fileForm, e.name)
	if f.Name == "" {
		return f
	}
	f.CompDir = u.compDir
	switch {
	case t.version < 5 && e.dir > 0 && uint64(e.dir) <= uint64(len(t.dirs)):
		f.Dir = t.name(t.dirForm, t.dirs[e.dir-1])
	case t.version >= 5 && uint64(e.dir) < uint64(len(t.dirs)):
		dir := t.name(t.dirForm, t.dirs[e.dir])
		// Directory 0 is the compiler's working directory.
		if e.dir == 0 {
			f.CompDir = dir
		} else {
			f.Dir = dir
		}
	}
	return f
}

// table returns the section of names of a form whose places in it are kept. It is negative
// for others, of which the place of the field is kept, counted from the table's start.
func (t *lineTable) table(form uint16) int {
	if t.s.rel || t.offSize != 4 {
		return -1
	}
	switch form {
	case formLineStrp:
		return secLineStr
	case formStrp:
		return secStr
	}
	return -1
}

// name returns a name of the table.
func (t *lineTable) name(form uint16, place uint32) string {
	if section := t.table(form); section >= 0 {
		return t.o.textAt(section, uint64(place))
	}
	return t.o.text(t.s, value{t.start + uint64(place), form}, t.offSize)
}
