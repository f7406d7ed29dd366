// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import "debug/elf"

// Value returns the value of the symbol with a name, in code or data: an address of the
// file, or a number if the symbol belongs to no section, as the per-CPU symbols of x86_64
// do; absolute reports that. Of several symbols it returns the first global one, or else
// the first.
func (f *File) Value(name string) (value uint64, absolute, ok bool) {
	t, err := f.symbolTable()
	if err != nil || name == "" {
		return 0, false, false
	}
	start := append([]byte(name), 0)
	for i := t.named(0, start); i < t.n; i = t.named(i+1, start) {
		raw, valid := t.at(i)
		if !valid || raw.section == 0 || raw.typ() == elf.STT_SECTION || raw.typ() == elf.STT_FILE {
			continue
		}
		if ok && raw.local() {
			continue
		}
		v, abs, known := f.symbolValue(&raw)
		if !known {
			continue
		}
		value, absolute, ok = v, abs, true
		if !raw.local() {
			break
		}
	}
	return value, absolute, ok
}

// symbolValue returns the value of a symbol: in a module it is private to the File.
func (f *File) symbolValue(raw *rawSymbol) (value uint64, absolute, ok bool) {
	switch {
	case raw.section == sectionAbs:
		return raw.value, true, true
	case raw.section <= 0:
		return 0, false, false
	case f.Linked():
		return raw.value, false, true
	}
	return f.sections[raw.section].Addr + raw.value, false, true
}

// A DataSymbol is a variable's name in a file.
type DataSymbol struct {
	Name    string
	Value   uint64 // as for Value
	Size    uint64 // 0 if unknown
	Section *Section
}

// EachData calls fn with the symbols of data that has a place in memory.
func (f *File) EachData(fn func(s DataSymbol)) error {
	t, err := f.symbolTable()
	if err != nil {
		return err
	}
	for i := range t.n {
		raw, ok := t.at(i)
		if !ok || raw.typ() != elf.STT_OBJECT || raw.section <= 0 {
			continue
		}
		if s := &f.sections[raw.section]; s.Flags&elf.SHF_ALLOC == 0 || s.executable() {
			continue
		}
		if v, _, ok := f.symbolValue(&raw); ok {
			fn(DataSymbol{string(t.name(raw.name)), v, raw.size, &f.sections[raw.section]})
		}
	}
	return nil
}
