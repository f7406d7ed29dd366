// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// layoutObject is a module with the sections that the kernel's loader orders.
func layoutObject() objectSpec {
	o := x86Object()
	o.sections = []sectionSpec{
		{name: ".data", typ: elf.SHT_PROGBITS, flags: alloc | elf.SHF_WRITE, data: make([]byte, 8), align: 32},
		{name: ".init.text", typ: elf.SHT_PROGBITS, flags: text, data: make([]byte, 0x30), align: 16},
		{name: ".text", typ: elf.SHT_PROGBITS, flags: text, data: make([]byte, 0x45), align: 16},
		{name: ".text.unlikely", typ: elf.SHT_PROGBITS, flags: text, data: make([]byte, 7), align: 1},
		{name: ".exit.text", typ: elf.SHT_PROGBITS, flags: text, data: make([]byte, 0x13), align: 16},
		{name: ".bss", typ: elf.SHT_NOBITS, flags: alloc | elf.SHF_WRITE, size: 0x5000, align: 64},
		{name: ".text.empty", typ: elf.SHT_PROGBITS, flags: text, align: 1},
		{name: ".comment", typ: elf.SHT_PROGBITS, data: []byte("gcc")},
	}
	o.symbols = []symbolSpec{
		{section: ".text", typ: elf.STT_SECTION},
		{name: "f", section: ".text", value: 0, size: 0x11, typ: elf.STT_FUNC},
		{name: "__pfx_g", section: ".text", value: 0x20, typ: elf.STT_NOTYPE},
		{name: "g", section: ".text", value: 0x30, size: 0x15, typ: elf.STT_FUNC},
		{name: "g_alias", section: ".text", value: 0x30, size: 0x15, typ: elf.STT_FUNC},
		{name: ".Lhidden", section: ".text", value: 0x38},
		{name: "f.cold", section: ".text.unlikely", value: 0, size: 7, typ: elf.STT_FUNC},
		{name: "leave", section: ".exit.text", value: 0, size: 0x13, typ: elf.STT_FUNC},
		{name: "enter", section: ".init.text", value: 0, size: 0x30, typ: elf.STT_FUNC},
		{name: "f", section: ".init.text", value: 0x18, size: 8, typ: elf.STT_FUNC},
		{name: "variable", section: ".data", value: 0, size: 8, typ: elf.STT_OBJECT},
		{name: "s.isra.0", section: ".text", value: 0x40, typ: elf.STT_FUNC},
		{name: "s.isra.0.cold", section: ".text", value: 0x42, typ: elf.STT_FUNC},
		{name: "s.isr", section: ".text", value: 0x43, typ: elf.STT_FUNC},
		{name: "lto.llvm.123", section: ".text", value: 0x44, typ: elf.STT_FUNC},
	}
	return o
}

func TestLayout(t *testing.T) {
	f := layoutObject().open(t)
	type place struct {
		Name   string
		Region Region
		Offset uint64
	}
	var got []place
	for i := range f.sections {
		if s := &f.sections[i]; s.Region != RegionNone {
			got = append(got, place{s.Name, s.Region, s.RegionOffset})
		}
	}
	want := []place{
		{".init.text", RegionInitText, 0},
		{".text", RegionCoreText, 0},
		{".text.unlikely", RegionCoreText, 0x45},
		{".exit.text", RegionCoreText, 0x50},
		{".text.empty", RegionCoreText, 0x63},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
	for i := range f.sections {
		s := &f.sections[i]
		if s.Flags&elf.SHF_ALLOC == 0 {
			if s.Addr != 0 {
				t.Errorf("%s has an address", s.Name)
			}
			continue
		}
		if s.Addr < firstAddr {
			t.Errorf("%s is at %#x", s.Name, s.Addr)
		}
		for _, off := range []uint64{0, s.Size / 2, s.Size - 1} {
			if s.Size == 0 {
				break
			}
			if at, in := f.SectionAt(s.Addr + off); at != s || in != off {
				t.Errorf("%s+%#x is found in %v+%#x", s.Name, off, at, in)
			}
		}
		if at, _ := f.SectionAt(s.Addr + s.Size); at != nil {
			t.Errorf("behind %s is %s", s.Name, at.Name)
		}
	}
}

func TestLayoutTooLarge(t *testing.T) {
	for _, size := range []uint64{1 << 63, ^uint64(0), 1<<46 - 1} {
		o := x86Object()
		o.sections = []sectionSpec{{name: ".bss", typ: elf.SHT_NOBITS, flags: alloc, size: size}}
		if _, err := New(o.bytes(), "x"); err == nil {
			t.Errorf("no error for a section of %#x bytes", size)
		}
	}
}

// inBothModes runs a test with passes over the symbol table and with the index.
func inBothModes(t *testing.T, o objectSpec, test func(t *testing.T, f *File)) {
	t.Run("passes", func(t *testing.T) { test(t, o.open(t)) })
	t.Run("index", func(t *testing.T) {
		f := o.open(t)
		f.symbols.lookups.Store(indexAfter)
		test(t, f)
	})
}

// places returns symbols as text.
func places(syms []Symbol) []string {
	var out []string
	for _, s := range syms {
		out = append(out, fmt.Sprintf("%s %s+%#x", s.Name, s.Section.Name, s.Offset))
	}
	return out
}

func TestLookup(t *testing.T) {
	inBothModes(t, layoutObject(), func(t *testing.T, f *File) {
		tests := []struct {
			name string
			want []string
		}{
			{"g", []string{"g .text+0x30"}},
			{"f", []string{"f .text+0x0", "f .init.text+0x18"}},
			{"f.cold", []string{"f.cold .text.unlikely+0x0"}},
			{"variable", nil},
			{"s", nil},
			{"alias", nil},
			{"", nil},
		}
		for _, tt := range tests {
			got, err := f.Lookup(tt.name)
			if diff := cmp.Diff(tt.want, places(got)); diff != "" || err != nil {
				t.Errorf("%q, error %v (-want +got):\n%s", tt.name, err, diff)
			}
		}
	})
}

func TestLookupStem(t *testing.T) {
	f := layoutObject().open(t)
	tests := []struct {
		name string
		want []string
	}{
		{"s.isra.7", []string{"s.isra.0 .text+0x40"}},
		{"s.isra.7.cold", []string{"s.isra.0.cold .text+0x42"}},
		{"s.constprop.0", []string{"s.isra.0 .text+0x40", "s.isra.0.cold .text+0x42"}},
		{"lto.llvm.99", []string{"lto.llvm.123 .text+0x44"}},
		{"lto", []string{"lto.llvm.123 .text+0x44"}},
		{"f.cold.3", []string{"f.cold .text.unlikely+0x0"}},
		{"nothing.isra.0", nil},
		{".isra.0", nil},
	}
	for _, tt := range tests {
		got, err := f.LookupStem(tt.name)
		if diff := cmp.Diff(tt.want, places(got)); diff != "" || err != nil {
			t.Errorf("%q, error %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

func TestLookupCut(t *testing.T) {
	o := layoutObject()
	long := "_R" + strings.Repeat("v", 200)
	o.symbols = append(o.symbols, symbolSpec{name: long, section: ".text", value: 0x44, typ: elf.STT_FUNC})
	f := o.open(t)
	for _, tt := range []struct {
		name string
		want []string
	}{
		{long[:127], []string{long + " .text+0x44"}},
		{long[:126], nil},
		{strings.Repeat("w", 127), nil},
	} {
		got, err := f.LookupCut(tt.name)
		if diff := cmp.Diff(tt.want, places(got)); diff != "" || err != nil {
			t.Errorf("%q, error %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
}

func TestSymbolAt(t *testing.T) {
	inBothModes(t, layoutObject(), func(t *testing.T, f *File) {
		tests := []struct {
			section string
			off     uint64
			want    string
		}{
			{".text", 0, "f"},
			{".text", 0x1f, "f"},
			{".text", 0x2f, "__pfx_g"},
			{".text", 0x30, "g"},
			{".text", 0x3f, "g"},
			{".text", 0x44, "lto.llvm.123"},
			{".text.unlikely", 6, "f.cold"},
			{".exit.text", 0x12, "leave"},
			{".init.text", 0x17, "enter"},
			{".init.text", 0x18, "f"},
			{".data", 0, ""},
		}
		for _, tt := range tests {
			if got, _ := f.SymbolAt(f.Section(tt.section), tt.off); got.Name != tt.want {
				t.Errorf("%s+%#x: got %q, want %q", tt.section, tt.off, got.Name, tt.want)
			}
		}
	})
}

func TestSizes(t *testing.T) {
	inBothModes(t, layoutObject(), func(t *testing.T, f *File) {
		tests := []struct {
			symbol string
			size   uint64
			want   SizeMatch
		}{
			{"f", 0x20, SizeKernel},
			{"f", 0x11, SizeELF},
			{"f", 0x30, SizeDiffers},
			{"__pfx_g", 0x10, SizeKernel},
			{"g", 0x10, SizeKernel},
			{"g", 0x15, SizeELF},
			{"lto.llvm.123", 1, SizeKernel},
			{"f.cold", 0xb, SizeKernel}, // .exit.text is aligned
			{"f.cold", 7, SizeSection},
			{"leave", 0x13, SizeRegion},
			{"leave", 0x1000 - 0x50, SizeRegion},
			{"leave", 0x4000 - 0x50, SizeRegion},
			{"leave", 0x10000 - 0x50, SizeRegion},
			{"leave", 0x20, SizeELFAligned},
			{"leave", 0x2000 - 0x50, SizeDiffers},
			{"enter", 0x18, SizeKernel},
		}
		for _, tt := range tests {
			syms, err := f.Lookup(tt.symbol)
			if err != nil || len(syms) == 0 {
				t.Fatalf("%s: %v, %v", tt.symbol, syms, err)
			}
			if got := f.Sizes(syms[0]).Match(tt.size); got != tt.want {
				t.Errorf("%s/%#x: got %d, want %d (%+v)", tt.symbol, tt.size, got, tt.want, f.Sizes(syms[0]))
			}
		}
	})
}

func TestBefore(t *testing.T) {
	f := layoutObject().open(t)
	tests := []struct {
		section string
		off     uint64
		want    string
	}{
		{".text", 5, ".text+0x4"},
		{".text", 0x45, ".text+0x44"},
		{".text", 0x46, ""},
		{".text", 0, ""},
		{".text.unlikely", 0, ".text+0x44"},
		{".exit.text", 0, ""}, // padding is in front
		{".init.text", 0, ""},
	}
	for _, tt := range tests {
		got := ""
		if s, off, ok := f.Before(f.Section(tt.section), tt.off); ok {
			got = fmt.Sprintf("%s+%#x", s.Name, off)
		}
		if got != tt.want {
			t.Errorf("%s+%#x: got %q, want %q", tt.section, tt.off, got, tt.want)
		}
	}
}

// TestAhead finds places behind the end of a section.
func TestAhead(t *testing.T) {
	f := layoutObject().open(t)
	for _, tt := range []struct {
		section string
		off     uint64
		want    string
	}{
		{".text", 0x44, ".text+0x44"},
		{".text", 0x45, ".text+0x45"}, // behind its last byte
		{".text", 0x46, ".text.unlikely+0x1"},
		{".text", 0x4c, ".text.unlikely+0x7"},
		{".text", 0x4d, ""}, // padding
		{".text", 0x50, ".exit.text+0x0"},
		{".text", 0x63, ".exit.text+0x13"},
		{".text", 0x64, ""},
		{".text.unlikely", 0xb, ".exit.text+0x0"},
		{".init.text", 0x31, ""},
		{".text", 1 << 63, ""},
	} {
		got := ""
		if s, off, ok := f.Ahead(f.Section(tt.section), tt.off); ok {
			got = fmt.Sprintf("%s+%#x", s.Name, off)
		}
		if got != tt.want {
			t.Errorf("%s+%#x: got %q, want %q", tt.section, tt.off, got, tt.want)
		}
	}
}

// TestIndexAgrees compares index and passes on every symbol of real modules.
func TestIndexAgrees(t *testing.T) {
	for _, path := range helloModules(t) {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		indexed, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		indexed.symbols.lookups.Store(indexAfter)
		table, err := f.symbolTable()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i := range table.n {
			s, ok := f.codeSymbol(table, i)
			if !ok {
				continue
			}
			n++
			f.symbols.lookups.Store(0)
			a, _ := f.Lookup(s.Name)
			b, _ := indexed.Lookup(s.Name)
			if diff := cmp.Diff(places(a), places(b)); diff != "" {
				t.Errorf("%s: %s (-pass +index):\n%s", path, s.Name, diff)
			}
			if x, y := f.Sizes(a[0]), indexed.Sizes(b[0]); x != y {
				t.Errorf("%s: %s: sizes %+v by pass, %+v by index", path, s.Name, x, y)
			}
		}
		if n < 5 {
			t.Errorf("%s: %d symbols in code", path, n)
		}
	}
}
