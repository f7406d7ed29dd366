// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// Section numbers of symbols that are in no section. They are negative so that they
// cannot be mistaken for the index of a section: a file may have more sections than fit
// into the 16 bits of the format.
const (
	sectionAbs    = -1
	sectionCommon = -2
	sectionOther  = -3 // reserved numbers without a meaning here
)

// symtab is a symbol table, read in place.
type symtab struct {
	f       *File
	b       []byte
	n       int
	entSize int
	strings []byte
	shndx   []byte // section numbers that do not fit the entries; nil if none
	big     bool   // byte order
	own     []int  // for an attached file: the numbers that replace its section numbers; else nil
}

// rawSymbol is an entry of a symbol table.
type rawSymbol struct {
	name    uint32
	info    byte
	section int
	value   uint64
	size    uint64
}

func (s *rawSymbol) typ() elf.SymType { return elf.SymType(s.info & 0xf) }
func (s *rawSymbol) local() bool      { return elf.SymBind(s.info>>4) == elf.STB_LOCAL }

// symtab returns the symbol table in a section.
func (f *File) symtab(index uint32) (*symtab, error) {
	if uint64(index) >= uint64(len(f.sections)) || f.sections[index].Type != elf.SHT_SYMTAB {
		return nil, fmt.Errorf("%w: section %d is no symbol table", ErrFormat, index)
	}
	s := &f.sections[index]
	t := &symtab{f: f, entSize: 24, big: f.Order == binary.BigEndian}
	if f.Class == elf.ELFCLASS32 {
		t.entSize = 16
	}
	if s.EntSize != uint64(t.entSize) {
		return nil, fmt.Errorf("%w: symbols of %d bytes", ErrFormat, s.EntSize)
	}
	var err error
	if t.b, err = f.Contents(s); err != nil {
		return nil, err
	}
	t.n = len(t.b) / t.entSize
	if uint64(s.Link) >= uint64(len(f.sections)) {
		return nil, fmt.Errorf("%w: no section %d for symbol names", ErrFormat, s.Link)
	}
	if t.strings, err = f.Contents(&f.sections[s.Link]); err != nil {
		return nil, err
	}
	for i := range f.sections {
		x := &f.sections[i]
		if x.Type == elf.SHT_SYMTAB_SHNDX && x.Link == index {
			if t.shndx, err = f.Contents(x); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

// at decodes symbol i.
func (t *symtab) at(i int) (rawSymbol, bool) {
	if i < 0 || i >= t.n {
		return rawSymbol{}, false
	}
	o := t.f.Order
	b := t.b[i*t.entSize:]
	var s rawSymbol
	var shndx uint16
	switch {
	case t.entSize == 24 && !t.big: // almost always, and without calls
		b = b[:24]
		s.name = binary.LittleEndian.Uint32(b)
		s.info = b[4]
		shndx = binary.LittleEndian.Uint16(b[6:])
		s.value = binary.LittleEndian.Uint64(b[8:])
		s.size = binary.LittleEndian.Uint64(b[16:])
	case t.entSize == 24:
		s.name = o.Uint32(b)
		s.info = b[4]
		shndx = o.Uint16(b[6:])
		s.value = o.Uint64(b[8:])
		s.size = o.Uint64(b[16:])
	default:
		s.name = o.Uint32(b)
		s.value = uint64(o.Uint32(b[4:]))
		s.size = uint64(o.Uint32(b[8:]))
		s.info = b[12]
		shndx = o.Uint16(b[14:])
	}
	// The lowest bit marks Thumb code and is not part of the address.
	if t.f.Machine == elf.EM_ARM && s.typ() == elf.STT_FUNC {
		s.value &^= 1
	}
	switch elf.SectionIndex(shndx) {
	case elf.SHN_ABS:
		s.section = sectionAbs
	case elf.SHN_COMMON:
		s.section = sectionCommon
	case elf.SHN_XINDEX:
		s.section = sectionOther
		if 4*i+4 <= len(t.shndx) {
			if n := o.Uint32(t.shndx[4*i:]); uint64(n) < uint64(len(t.f.sections)) {
				s.section = int(n)
			}
		}
	default:
		s.section = int(shndx)
		if shndx >= uint16(elf.SHN_LORESERVE) || int(shndx) >= len(t.f.sections) {
			s.section = sectionOther
		}
	}
	if t.own != nil && s.section > 0 {
		s.section = t.own[s.section]
	}
	return s, true
}

// nameOffset returns the offset of the name of symbol i, which must exist.
func (t *symtab) nameOffset(i int) uint32 {
	b := t.b[i*t.entSize:]
	if t.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

// shndxOf returns the section number of symbol i, which must exist, as it is in the entry.
func (t *symtab) shndxOf(i int) uint16 {
	b := t.b[i*t.entSize:][:16]
	switch {
	case t.entSize == 16:
		return t.f.Order.Uint16(b[14:])
	case t.big:
		return binary.BigEndian.Uint16(b[6:])
	}
	return binary.LittleEndian.Uint16(b[6:])
}

// value returns the value of symbol i, which must exist.
func (t *symtab) value(i int) uint64 {
	b := t.b[i*t.entSize:]
	switch {
	case t.entSize == 16:
		return uint64(t.f.Order.Uint32(b[4:]))
	case t.big:
		return binary.BigEndian.Uint64(b[8:])
	}
	return binary.LittleEndian.Uint64(b[8:])
}

// between returns the number of the first symbol from i on whose value is in [lo, hi],
// or t.n if there is none. It is the inner loop of lookups in large linked files.
func (t *symtab) between(i int, lo, hi uint64) int {
	if t.big || t.entSize != 24 {
		for i < t.n && t.value(i)-lo > hi-lo {
			i++
		}
		return i
	}
	for b := t.b[i*24 : t.n*24]; len(b) >= 24; b = b[24:] {
		if binary.LittleEndian.Uint64(b[8:])-lo <= hi-lo {
			return i
		}
		i++
	}
	return i
}

// named returns the number of the first symbol from i on whose name begins with start, a
// NUL behind it included, or t.n if there is none. It is the inner loop of lookups by name:
// eight bytes are compared at once.
func (t *symtab) named(i int, start []byte) int {
	var first, mask [8]byte
	for k := range min(copy(first[:], start), len(mask)) {
		mask[k] = 0xff
	}
	want, used := binary.LittleEndian.Uint64(first[:]), binary.LittleEndian.Uint64(mask[:])
	for ; i < t.n; i++ {
		if !t.big && t.entSize == 24 { // almost always
			i += differing(t.b[i*24:t.n*24], t.strings, want, used)
			if i == t.n {
				break
			}
		}
		if at := uint64(t.nameOffset(i)); at <= uint64(len(t.strings)) && bytes.HasPrefix(t.strings[at:], start) {
			break
		}
	}
	return i
}

// differing returns the number of symbols in front of the first one whose name may begin
// with the used bytes of want.
func differing(symbols, strings []byte, want, used uint64) int {
	i := 0
	for b := symbols; len(b) >= 24; b = b[24:] {
		at := uint64(binary.LittleEndian.Uint32(b))
		if at+8 > uint64(len(strings)) || (binary.LittleEndian.Uint64(strings[at:at+8])^want)&used == 0 {
			break
		}
		i++
	}
	return i
}

// name returns the name at an offset of the string table.
func (t *symtab) name(off uint32) []byte { return cString(t.strings, uint64(off), 1<<16) }

// has reports whether symbol i, which must exist, has a name.
func (t *symtab) has(i int, name string) bool {
	at, n := uint64(t.nameOffset(i)), uint64(len(name))
	return at+n < uint64(len(t.strings)) && t.strings[at+n] == 0 && string(t.strings[at:at+n]) == name
}
