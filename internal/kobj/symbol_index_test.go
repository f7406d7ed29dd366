// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"cmp"
	"debug/elf"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSortPlaces compares with the standard library. Keys are those of kernels, of
// modules, and any.
func TestSortPlaces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for name, key := range map[string]func() uint64{
		"same":    func() uint64 { return 7 },
		"kernel":  func() uint64 { return 0xffffffff81000000 + rnd.Uint64N(1<<25) },
		"modules": func() uint64 { return (1+rnd.Uint64N(2))<<56 | rnd.Uint64N(1<<10) },
		"any":     rnd.Uint64,
	} {
		for _, n := range []int{0, 1, 2, 5000} {
			var all []place
			for i := range n {
				all = append(all, place{key: key(), sym: uint32(i)})
			}
			want := slices.Clone(all)
			slices.SortStableFunc(want, func(a, b place) int { return cmp.Compare(a.key, b.key) })
			if got := sortPlaces(all); !slices.Equal(got, want) {
				t.Errorf("%s: %d places are in another order", name, n)
			}
		}
	}
}

// TestIndexEqualNames has so many symbols of one name that the time for the index must
// not grow with their square.
func TestIndexEqualNames(t *testing.T) {
	const n = 300_000
	o := x86Object()
	o.sections = []sectionSpec{{name: ".text", typ: elf.SHT_PROGBITS, flags: text, data: make([]byte, n)}}
	for i := range uint64(n) {
		o.symbols = append(o.symbols, symbolSpec{name: "f", section: ".text", value: i, typ: elf.STT_FUNC})
	}
	f, err := New(o.bytes(), "x")
	if err != nil {
		t.Fatal(err)
	}
	f.symbols.lookups.Store(indexAfter)
	syms, err := f.Lookup("f")
	inOrder := slices.IsSortedFunc(syms, func(a, b Symbol) int { return cmp.Compare(a.Offset, b.Offset) })
	if err != nil || len(syms) != n || !inOrder {
		t.Errorf("%d symbols, in order: %v, %v", len(syms), inOrder, err)
	}
}

// TestIndexAttached has symbols from a file that numbers its sections in another way.
func TestIndexAttached(t *testing.T) {
	code := sectionSpec{name: ".text", typ: elf.SHT_PROGBITS, flags: text, data: make([]byte, 16)}
	data := sectionSpec{name: ".data", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC | elf.SHF_WRITE, data: make([]byte, 16)}
	stripped, debug := x86Object(), x86Object()
	stripped.sections = []sectionSpec{code, data}
	debug.sections = []sectionSpec{data, code}
	debug.symbols = []symbolSpec{{name: "f", section: ".text", value: 4, typ: elf.STT_FUNC}, {name: "d", section: ".data", typ: elf.STT_OBJECT}}
	f, err := New(stripped.bytes(), "x.ko")
	if err != nil {
		t.Fatal(err)
	}
	f.Section(".symtab").Type = elf.SHT_PROGBITS // the file is assembled with an empty one
	x, err := New(debug.bytes(), "x.ko.debug")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Attach(x); err != nil {
		t.Fatal(err)
	}
	f.symbols.lookups.Store(indexAfter)
	for name, want := range map[string]int{"f": 1, "d": 0} {
		if syms, err := f.Lookup(name); err != nil || len(syms) != want {
			t.Errorf("%s: %v, %v; want %d", name, syms, err, want)
		}
	}
}
