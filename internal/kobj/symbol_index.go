// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"hash/maphash"
	"math/bits"
	"slices"
	"sort"
)

// symbolIndex finds symbols by name and by place. It holds numbers only; names stay in
// the file.
type symbolIndex struct {
	places []place // by key, then by number; only symbols that kallsyms may have

	// Chains of symbols whose names have the same hash, from the last one to the first.
	// Files may have any number of equal names.
	seed  maphash.Seed
	heads []uint32 // by hash: number plus one
	next  []uint32 // by number: number plus one
}

// place is a symbol's position in the order of memory.
type place struct {
	key    uint64
	sym    uint32
	varies bool // not all kernels have it
}

// placeKey orders places as the kernel does: by address in linked files, by region and
// offset in modules.
func (f *File) placeKey(sec *Section, off uint64) uint64 {
	if f.Linked() {
		return sec.Addr + off
	}
	return uint64(sec.Region)<<56 | sec.RegionOffset + off
}

// symbolIndex returns the index once there were enough lookups to make it worthwhile,
// and nil before.
func (f *File) symbolIndex(t *symtab) *symbolIndex {
	s := &f.symbols
	if x := s.index.Load(); x != nil {
		return x
	}
	if s.lookups.Add(1) <= indexAfter {
		return nil
	}
	s.build.Do(func() { s.index.Store(f.buildIndex(t)) })
	return s.index.Load()
}

func (f *File) buildIndex(t *symtab) *symbolIndex {
	x := &symbolIndex{seed: maphash.MakeSeed()}
	// Not all symbols of a kernel are in code: half as many heads miss the cache less often.
	x.heads, x.next = make([]uint32, 1<<bits.Len(uint(t.n/2))), make([]uint32, t.n)
	x.places = make([]place, 0, t.n*3/4)
	code := f.codeSections(t)
	for i := range t.n {
		if n := t.shndxOf(i); int(n) < len(code) && !code[n] {
			continue
		}
		raw, sec, off, ok := f.codePlace(t, i)
		if !ok {
			continue
		}
		name := t.name(raw.name)
		head := &x.heads[x.hash(name)]
		x.next[i], *head = *head, uint32(i+1)
		if v := f.visible(name); v != hidden {
			x.places = append(x.places, place{f.placeKey(sec, off), uint32(i), v == varies})
		}
	}
	x.places = sortPlaces(x.places)
	return x
}

// codeSections reports for the section numbers in a symbol table, as far as they are
// sections, whether symbols there may be in code. Half of the symbols of a kernel are not.
func (f *File) codeSections(t *symtab) []bool {
	n := len(f.sections)
	if t.own != nil {
		n = len(t.own)
	}
	code := make([]bool, min(n, int(elf.SHN_LORESERVE)))
	for i := range code {
		n := i
		if t.own != nil {
			n = t.own[i]
		}
		if n > 0 {
			s := &f.sections[n]
			code[i] = s.executable() || f.symbols.opd != nil && f.symbols.opd.section == s
		}
	}
	return code
}

// sortPlaces sorts places by their keys, digit by digit. Equal ones stay in order.
func sortPlaces(places []place) []place {
	const digit = 11 // bits
	var same, differ uint64 = ^uint64(0), 0
	for _, p := range places {
		same &= p.key
		differ |= p.key
	}
	differ &^= same
	other := make([]place, len(places))
	for shift := 0; shift < 64; shift += digit {
		if differ>>shift&(1<<digit-1) == 0 {
			continue // all have the same digit
		}
		var next [1 << digit]uint32 // where the next place with a digit goes
		for _, p := range places {
			next[p.key>>shift&(1<<digit-1)]++
		}
		sum := uint32(0)
		for i, n := range next {
			next[i] = sum
			sum += n
		}
		for _, p := range places {
			n := &next[p.key>>shift&(1<<digit-1)]
			other[*n] = p
			*n++
		}
		places, other = other, places
	}
	return places
}

func (x *symbolIndex) hash(name []byte) uint64 {
	return maphash.Bytes(x.seed, name) & uint64(len(x.heads)-1)
}

// named returns the symbols in code with the given name, in the order of the table.
func (x *symbolIndex) named(f *File, t *symtab, name string) []Symbol {
	var found []Symbol
	for n := x.heads[x.hash([]byte(name))]; n != 0; n = x.next[n-1] {
		i := int(n - 1)
		if !t.has(i, name) {
			continue
		}
		if s, ok := f.codeSymbol(t, i); ok {
			found = append(found, s)
		}
	}
	slices.Reverse(found)
	return found
}

// after returns the number of the first place behind key.
func (x *symbolIndex) after(key uint64) int {
	return sort.Search(len(x.places), func(i int) bool { return x.places[i].key > key })
}

// SymbolAt returns the symbol that the kernel names for a place in code: the nearest
// one at or before it in memory. If several are there, it is the first in the table. It
// is not ok if there is none.
func (f *File) SymbolAt(sec *Section, off uint64) (Symbol, bool) {
	t, err := f.symbolTable()
	if err != nil || !sec.executable() {
		return Symbol{}, false
	}
	key := f.placeKey(sec, off)
	best := -1
	if x := f.symbolIndex(t); x != nil {
		// Those that vary are few.
		for i := x.after(key) - 1; i >= 0 && best < 0; i-- {
			at := x.places[i].key
			first := sort.Search(i, func(i int) bool { return x.places[i].key >= at })
			for k := first; k <= i && best < 0; k++ {
				if !x.places[k].varies {
					best = int(x.places[k].sym)
				}
			}
			i = first
		}
	} else {
		var bestKey uint64
		f.eachPlace(t, func(i int, raw *rawSymbol, k uint64) {
			if k <= key && (best < 0 || k > bestKey) && f.visible(t.name(raw.name)) == shown {
				best, bestKey = i, k
			}
		})
	}
	if best < 0 {
		return Symbol{}, false
	}
	s, ok := f.codeSymbol(t, best)
	if !ok || !f.Linked() && s.Section.Region != sec.Region {
		return Symbol{}, false
	}
	return s, true
}

// eachPlace calls fn for every symbol in code.
func (f *File) eachPlace(t *symtab, fn func(i int, raw *rawSymbol, key uint64)) {
	for i := range t.n {
		if raw, sec, off, ok := f.codePlace(t, i); ok {
			fn(i, &raw, f.placeKey(sec, off))
		}
	}
}

// Ahead returns the place that an offset from the start of a section is at, which may be
// beyond its end: then it is in the section that comes behind it in memory. It is not ok if
// none of the file's code is there.
func (f *File) Ahead(sec *Section, off uint64) (*Section, uint64, bool) {
	if off <= sec.Size {
		return sec, off, true
	}
	key := f.placeKey(sec, 0)
	for i := range f.sections {
		s := &f.sections[i]
		if !s.executable() || s.Size == 0 || !f.Linked() && s.Region != sec.Region {
			continue
		}
		if start := f.placeKey(s, 0); start > key && off >= start-key && off-(start-key) <= s.Size {
			return s, off - (start - key), true
		}
	}
	return nil, 0, false
}

// Before returns the place of the byte before a place in memory, which may be at the
// end of another section. It is not ok if none of the file's code is there.
func (f *File) Before(sec *Section, off uint64) (*Section, uint64, bool) {
	if off > 0 {
		return sec, off - 1, off <= sec.Size
	}
	key := f.placeKey(sec, 0)
	for i := range f.sections {
		s := &f.sections[i]
		if s.executable() && s.Size > 0 && key > 0 && f.placeKey(s, s.Size-1) == key-1 {
			return s, s.Size - 1, true
		}
	}
	return nil, 0, false
}
