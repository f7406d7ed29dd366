// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// relocs are the relocations of one section: usually one relocation section, in theory
// several.
type relocs struct {
	f      *File
	tables []*relocTable
	ops    []relocOp // by type
}

// op returns the operation of a relocation type.
func (r *relocs) op(typ uint32) relocOp {
	if uint64(typ) < uint64(len(r.ops)) {
		return r.ops[typ]
	}
	return relocOp{}
}

// relocTable is a relocation section, read in place.
type relocTable struct {
	f       *File
	b       []byte
	n       int // entries
	entSize int
	rela    bool
	wide    bool // 64 bit
	big     bool // byte order
	syms    *symtab

	// Assemblers and linkers emit relocations in order of their offsets, so the table can
	// be searched. Verifying the order of millions of entries would cost more than the
	// lookups. Small tables are verified as a whole. In large ones these are verified:
	// samples, each entry that a search looks at, and the entries around a place where a
	// search finds nothing, because disorder may be the reason. If an entry is out of
	// order, order gets sorted entry numbers and the search starts again.
	check sync.Once
	sort  sync.Once
	order atomic.Pointer[[]uint32]
	last  uint64        // offset of the last entry
	hint  atomic.Uint32 // where the last search ended: sections are mostly read forward
}

// relocEntry is a decoded entry. On MIPS64 one has up to three types.
type relocEntry struct {
	sym    uint32
	types  [3]uint32
	addend uint64
}

// maxStacked is how many relocations of one place are applied; RISC-V uses two or
// three. It bounds the time of a read.
const maxStacked = 16

// verifiedTable is the number of entries up to which the order is verified beforehand.
const verifiedTable = 1 << 13

// relocsOf returns the relocations of a section, or nil if it has none.
func (f *File) relocsOf(target *Section) (*relocs, error) {
	var r *relocs
	for i := range f.sections {
		s := &f.sections[i]
		if s.Type != elf.SHT_RELA && s.Type != elf.SHT_REL || s.Info != uint32(target.Index) || s.Size == 0 {
			continue
		}
		b, err := f.Contents(s)
		if err != nil {
			return nil, err
		}
		if s.Flags&elf.SHF_COMPRESSED != 0 {
			return nil, fmt.Errorf("%w: section %d %s: compressed relocations", ErrFormat, i, s.Name)
		}
		syms, err := f.symtab(s.Link)
		if err != nil {
			return nil, fmt.Errorf("section %d %s: %w", i, s.Name, err)
		}
		t := &relocTable{
			f: f, b: b, syms: syms,
			rela: s.Type == elf.SHT_RELA, wide: f.Class == elf.ELFCLASS64, big: f.Order == binary.BigEndian,
		}
		t.entSize = 2 * f.AddrSize()
		if t.rela {
			t.entSize = 3 * f.AddrSize()
		}
		if s.EntSize != uint64(t.entSize) {
			return nil, fmt.Errorf("%w: section %d %s: entries of %d bytes", ErrFormat, i, s.Name, s.EntSize)
		}
		t.n = len(b) / t.entSize
		if uint64(t.n) > 1<<31 {
			return nil, fmt.Errorf("%w: section %d %s: too many entries", ErrFormat, i, s.Name)
		}
		if r == nil {
			r = &relocs{f: f, ops: f.relocOps()}
		}
		r.tables = append(r.tables, t)
	}
	return r, nil
}

// offset returns the section offset that entry i applies to, in file order.
func (t *relocTable) offset(i int) uint64 {
	b := t.b[i*t.entSize:]
	switch {
	case !t.wide:
		return uint64(t.f.Order.Uint32(b))
	case t.big:
		return binary.BigEndian.Uint64(b)
	}
	return binary.LittleEndian.Uint64(b)
}

// at returns the section offset of the i-th entry in order of offsets.
func (t *relocTable) at(i int, order []uint32) uint64 {
	if order != nil {
		i = int(order[i])
	}
	return t.offset(i)
}

// entry decodes the i-th entry in order of offsets.
func (t *relocTable) entry(i int, order []uint32) relocEntry {
	if order != nil {
		i = int(order[i])
	}
	o := t.f.Order
	b := t.b[i*t.entSize:]
	var e relocEntry
	if t.f.Class == elf.ELFCLASS32 {
		info := o.Uint32(b[4:])
		e.sym, e.types[0] = info>>8, info&0xff
		if t.rela {
			e.addend = uint64(int64(int32(o.Uint32(b[8:]))))
		}
		return e
	}
	if t.rela {
		e.addend = o.Uint64(b[16:])
	}
	switch t.f.Machine {
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		// This is not a 64-bit number, except in big-endian files, but a record: symbol,
		// special symbol, third, second and first type. Special symbols occur only in
		// position-independent user space.
		e.sym = o.Uint32(b[8:])
		e.types = [3]uint32{uint32(b[15]), uint32(b[14]), uint32(b[13])}
	case elf.EM_SPARCV9:
		info := o.Uint64(b[8:])
		e.sym, e.types[0] = uint32(info>>32), uint32(info&0xff)
	default:
		info := o.Uint64(b[8:])
		e.sym, e.types[0] = uint32(info>>32), uint32(info)
	}
	return e
}

// find returns the number of the first entry for an offset not below off, and the order
// in which to look entries up.
func (t *relocTable) find(off uint64) (int, []uint32) {
	t.check.Do(func() {
		step := 1
		if t.n > verifiedTable {
			step = t.n / 4 // each sample brings up to 2 MiB into memory
		}
		if !t.verify(0, t.n, step) {
			t.sortByOffset()
		}
		if t.n > 0 {
			t.last = t.offset(t.n - 1)
		}
	})
	if p := t.order.Load(); p != nil {
		i, _ := t.search(off, *p)
		return i, *p
	}
	i, ok := t.search(off, nil)
	if ok && (i == t.n || t.offset(i) != off) {
		ok = t.verify(max(i-around, 0), min(i+around, t.n), 1)
	}
	if !ok {
		t.sortByOffset()
		order := *t.order.Load()
		i, _ = t.search(off, order)
		return i, order
	}
	return i, nil
}

// around is how many entries on each side are verified where a search found nothing.
const around = 32

// verify reports whether the entries in [from, to) are in order. It compares one pair
// of neighbours every step entries, and each pair with the next.
func (t *relocTable) verify(from, to, step int) bool {
	var last uint64
	for i := from; i < to; i += step {
		v := t.offset(i)
		if v < last {
			return false
		}
		last = v
		if i+1 < to {
			if last = t.offset(i + 1); last < v {
				return false
			}
		}
	}
	return from >= to || t.offset(to-1) >= last
}

// near is how close to the last search's end, in the section, a search must be to start
// there.
const near = 1 << 12

// guess returns the number of an entry near which to look for off. Entries are spread
// over a section more or less evenly. Halving the table instead would bring pages from
// all over the file into memory.
func (t *relocTable) guess(off uint64, order []uint32) int {
	h := int(t.hint.Load())
	if v := t.at(h, order); off-v < near || v-off < near {
		return h
	}
	if off >= t.last {
		return t.n - 1
	}
	return int(float64(off) / float64(t.last) * float64(t.n-1))
}

// search looks for the first entry not below off, from a guess in steps that double. It
// is not ok if it came across entries that are out of order.
func (t *relocTable) search(off uint64, order []uint32) (i int, ok bool) {
	if t.n == 0 {
		return 0, true
	}
	lo, hi := 0, t.n // the answer is in [lo, hi]
	loOff, hiOff := uint64(0), ^uint64(0)
	i = t.guess(off, order)
	for step := 1; lo <= i && i < hi; step *= 2 {
		v := t.at(i, order)
		if v < loOff || v > hiOff {
			return 0, false
		}
		if v < off {
			lo, loOff = i+1, v
			i += step
		} else {
			hi, hiOff = i, v
			i -= step
		}
	}
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		v := t.at(mid, order)
		if v < loOff || v > hiOff {
			return 0, false
		}
		if v < off {
			lo, loOff = mid+1, v
		} else {
			hi, hiOff = mid, v
		}
	}
	t.hint.Store(uint32(min(lo, t.n-1)))
	return lo, true
}

// sortByOffset makes the order for a table that is not sorted. Entries for one offset
// stay in file order, because that order has a meaning.
func (t *relocTable) sortByOffset() {
	t.sort.Do(func() {
		order := make([]uint32, t.n)
		for i := range order {
			order[i] = uint32(i)
		}
		slices.SortStableFunc(order, func(a, b uint32) int {
			x, y := t.offset(int(a)), t.offset(int(b))
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		t.order.Store(&order)
	})
}

// apply applies the relocations for a number of size bytes at off to its value v, one
// after the other in file order.
func (r *relocs) apply(v, off uint64, size int) (uint64, RelocState) {
	st := None
	mask := ^uint64(0)
	if size < 8 {
		mask = 1<<(8*uint(size)) - 1
	}
	for _, t := range r.tables {
		i, order := t.find(off)
		for k := 0; i < t.n; i, k = i+1, k+1 {
			at := t.at(i, order)
			if at-off >= uint64(size) {
				break
			}
			if k == maxStacked {
				return v, Unknown
			}
			e := t.entry(i, order)
			if at != off {
				if r.op(e.types[0]).kind != opIgnore {
					st = Unknown // something changes a part of the number
				}
				continue
			}
			s, ok := t.value(e.sym)
			for _, typ := range e.types {
				op := r.op(typ)
				if op.kind == opIgnore {
					continue
				}
				if !ok || int(op.width) != size {
					st = Unknown
					continue
				}
				addend := e.addend
				if !t.rela {
					addend = v
				}
				if v, ok = op.do(v, s, addend); !ok {
					st = Unknown
					break
				}
				v &= mask
				// Further types of the same entry apply to this result.
				s, e.addend = 0, v
				if st == None {
					st = Done
				}
			}
		}
	}
	return v, st
}

// applyULEB applies relocations to the value of an unsigned LEB128 number of n bytes.
// The result must fit the same bytes.
func (r *relocs) applyULEB(v, off uint64, n int) (uint64, RelocState) {
	st := None
	mask := ^uint64(0)
	if n < 10 {
		mask = 1<<(7*uint(n)) - 1
	}
	for _, t := range r.tables {
		i, order := t.find(off)
		for k := 0; i < t.n && t.at(i, order) == off; i, k = i+1, k+1 {
			if k == maxStacked {
				return v, Unknown
			}
			e := t.entry(i, order)
			op := r.op(e.types[0])
			if op.kind == opIgnore {
				continue
			}
			s, ok := t.value(e.sym)
			if ok && op.width == widthULEB {
				v, ok = op.do(v, s, e.addend)
			} else {
				ok = false
			}
			v &= mask
			switch {
			case !ok:
				st = Unknown
			case st == None:
				st = Done
			}
		}
	}
	return v, st
}

// value returns S of the relocation formulas: where the symbol is. Symbol number 0 is
// an undefined symbol like others.
func (t *relocTable) value(sym uint32) (uint64, bool) {
	s, ok := t.syms.at(int(sym))
	if !ok {
		return 0, false
	}
	switch s.section {
	case int(elf.SHN_UNDEF), sectionCommon:
		return 0, true
	case sectionAbs:
		return s.value, true
	}
	if s.section < 0 || s.section >= len(t.f.sections) {
		return 0, false
	}
	return t.f.sections[s.section].Addr + s.value, true
}
