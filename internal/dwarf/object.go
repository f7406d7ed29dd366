// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"sort"
	"sync"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// The debug sections that are read.
const (
	secInfo = iota
	secAbbrev
	secStr
	secLine
	secLineStr
	secRanges
	secRnglists
	secAddr
	secStrOffsets
	secAranges
	secLoc
	secLoclists
	numSections
)

var sectionNames = [numSections]string{
	secInfo:       "info",
	secAbbrev:     "abbrev",
	secStr:        "str",
	secLine:       "line",
	secLineStr:    "line_str",
	secRanges:     "ranges",
	secRnglists:   "rnglists",
	secAddr:       "addr",
	secStrOffsets: "str_offsets",
	secAranges:    "aranges",
	secLoc:        "loc",
	secLoclists:   "loclists",
}

// object is a file with debug sections: the object file itself, a split one (.dwo), or
// the one to which dwz moved what files have in common.
type object struct {
	d      *Data
	file   *kobj.File
	suffix string // of section names: ".dwo" or ""
	pairs  bool   // differences of addresses are pairs of relocations

	sections [numSections]struct {
		once sync.Once
		s    *section
		err  error
	}

	listOnce sync.Once
	list     []uint64 // where units start, ascending
}

func newObject(d *Data, f *kobj.File, suffix string) *object {
	return &object{d: d, file: f, suffix: suffix, pairs: f.Machine == elf.EM_RISCV || f.Machine == elf.EM_LOONGARCH}
}

func bigEndian(f *kobj.File) bool { return f.Order == binary.BigEndian }

// section returns a section, which is empty if it is missing or cannot be read.
func (o *object) section(n int) *section {
	x := &o.sections[n]
	x.once.Do(func() {
		x.s = &section{name: ".debug_" + sectionNames[n] + o.suffix, big: bigEndian(o.file)}
		data, err := o.file.Debug(sectionNames[n] + o.suffix)
		if err != nil {
			x.err = fmt.Errorf("%w: %w", ErrFormat, err)
			return
		}
		if data != nil {
			x.s.data, x.s.b, x.s.rel, x.s.file = data, data.Bytes(), data.Relocated(), data.Reader()
		}
	})
	return x.s
}

// sectionErr returns the reason why a section is empty, or nil if there is none.
func (o *object) sectionErr(n int) error {
	o.section(n)
	return o.sections[n].err
}

// unitStarts returns the offsets of all units in .debug_info.
func (o *object) unitStarts() []uint64 {
	o.listOnce.Do(func() {
		info := o.section(secInfo)
		for off := uint64(0); off < info.size(); {
			o.list = append(o.list, off)
			if len(o.list)%forgetUnits == 0 {
				o.file.Forget()
			}
			c := info.cursor(off, info.size())
			c.unitLength()
			if c.bad || c.end <= off {
				break
			}
			off = c.end
		}
	})
	return o.list
}

// unitAt returns the unit that contains an offset in .debug_info.
func (o *object) unitAt(off uint64) (*unit, error) {
	list := o.unitStarts()
	i := sort.Search(len(list), func(i int) bool { return list[i] > off }) - 1
	if i < 0 {
		return nil, o.section(secInfo).errAt(off, "no unit")
	}
	return o.unit(list[i])
}

// text returns the string that a value in section s stands for. Forms that need the
// tables of a unit are left to [unit.text].
func (o *object) text(s *section, v value, offSize uint8) string {
	from := secStr
	switch v.form {
	case formString:
		return s.text(v.off)
	case formLineStrp:
		from = secLineStr
	case formStrpSup, formGNUStrpAlt:
		alt, _ := o.d.alternate()
		if alt == nil {
			return ""
		}
		o = alt
	case formStrp:
	default:
		return ""
	}
	off, ok := s.offset(v, offSize)
	if !ok {
		return ""
	}
	return o.textAt(from, off)
}
