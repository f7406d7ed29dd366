// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"testing"
)

// TestValue compares all variables of a module with what the standard library reads.
func TestValue(t *testing.T) {
	const name = "../../testdata/modules/held/6.12-x86_64/held.ko"
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	other, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	symbols, err := other.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]DataSymbol)
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_OBJECT || s.Section == elf.SHN_UNDEF || s.Section >= elf.SHN_LORESERVE {
			continue
		}
		section := &f.Sections()[s.Section]
		want[s.Name] = DataSymbol{s.Name, section.Addr + s.Value, s.Size, section}
		if got, absolute, ok := f.Value(s.Name); got != section.Addr+s.Value || absolute || !ok {
			t.Errorf("%s: %#x, %v, %v, want %#x", s.Name, got, absolute, ok, section.Addr+s.Value)
		}
	}
	if len(want) < 10 {
		t.Errorf("%d variables", len(want))
	}
	if err := f.EachData(func(s DataSymbol) {
		if s != want[s.Name] {
			t.Errorf("%+v, want %+v", s, want[s.Name])
		}
		delete(want, s.Name)
	}); err != nil {
		t.Fatal(err)
	}
	for name := range want {
		if s := f.Section(".modinfo"); s != nil && s.Flags&elf.SHF_ALLOC != 0 {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{"", "no_such_symbol", "kmalloc_caches"} { // the last is of the kernel
		if v, _, ok := f.Value(name); ok {
			t.Errorf("%q: %#x", name, v)
		}
	}
}
