// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import "debug/elf"

// Stripped returns the sizes for a symbol of a module that was loaded without the symbols
// that it does not need (strip --strip-unneeded or --discard-all): it has those that are
// global, and those that relocations of code and data refer to. It is not ok if s is none
// of these, or if this is no module.
func (f *File) Stripped(s Symbol) (Sizes, bool) {
	t, err := f.symbolTable()
	if err != nil || f.Linked() || t.f != f {
		return Sizes{}, false
	}
	f.symbols.mark.Do(func() { f.symbols.needed = f.neededSymbols(t) })
	has := func(i int, raw *rawSymbol) bool { return !raw.local() || f.symbols.needed[i] }
	if raw, ok := t.at(s.Index); !ok || !has(s.Index, &raw) {
		return Sizes{}, false
	}
	z := f.Sizes(s)
	z.Next, z.Varying, z.Section = 0, 0, s.Section.Size-s.Offset
	key := f.placeKey(s.Section, s.Offset)
	f.eachPlace(t, func(i int, raw *rawSymbol, k uint64) {
		if k > key && k-key < z.Region && (z.Next == 0 || k-key < z.Next) && has(i, raw) && f.visible(t.name(raw.name)) == shown {
			z.Next = k - key
		}
	})
	if z.Next != 0 {
		z.Section = min(z.Section, z.Next)
	}
	return z, true
}

// neededSymbols returns which symbols of a table relocations of code and data refer to.
func (f *File) neededSymbols(t *symtab) []bool {
	needed := make([]bool, t.n)
	for i := range f.sections {
		if f.sections[i].Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		r, err := f.relocsOf(&f.sections[i])
		if err != nil || r == nil {
			continue
		}
		for _, table := range r.tables {
			for k := range table.n {
				if e := table.entry(k, nil); uint64(e.sym) < uint64(t.n) {
					needed[e.sym] = true
				}
			}
		}
	}
	return needed
}
