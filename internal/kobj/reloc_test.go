// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Numbers of the symbols of relocObject.
const (
	symText  = iota + 1 // section symbol
	symFunc             // function at 0x10; Thumb on ARM
	symUndef            // undefined
	symAbs              // absolute, 0x1234
	symLabel            // local label at 0x30
	symStr              // section symbol of .debug_str
)

// relocObject is a file whose .debug_info has data and relocations.
func relocObject(o objectSpec, typ elf.SectionType, data []byte, relocs []relocSpec) objectSpec {
	if o.typ == 0 {
		o.typ = elf.ET_REL
	}
	thumb := uint64(0)
	if o.machine == elf.EM_ARM {
		thumb = 1
	}
	o.sections = []sectionSpec{
		{name: ".text", typ: elf.SHT_PROGBITS, flags: text, data: make([]byte, 0x100)},
		{name: ".debug_info", typ: elf.SHT_PROGBITS, data: data},
		{name: ".debug_str", typ: elf.SHT_PROGBITS, data: []byte("abc\x00")},
		{name: ".rel.debug_info", typ: typ, target: ".debug_info", relocs: relocs},
	}
	o.symbols = []symbolSpec{
		{section: ".text", typ: elf.STT_SECTION},
		{name: "function", section: ".text", value: 0x10 | thumb, typ: elf.STT_FUNC},
		{name: "undefined"},
		{name: "absolute", section: "ABS", value: 0x1234},
		{name: ".L5", section: ".text", value: 0x30},
		{section: ".debug_str", typ: elf.STT_SECTION},
	}
	return o
}

type relocResult struct {
	Value uint64
	State RelocState
}

func TestDataUint(t *testing.T) {
	little, big := binary.LittleEndian, binary.BigEndian
	amd64 := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_X86_64}
	i386 := objectSpec{class: elf.ELFCLASS32, order: little, machine: elf.EM_386}
	arm := objectSpec{class: elf.ELFCLASS32, order: little, machine: elf.EM_ARM}
	arm64 := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_AARCH64}
	riscv := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_RISCV}
	riscv32 := objectSpec{class: elf.ELFCLASS32, order: little, machine: elf.EM_RISCV}
	loong := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_LOONGARCH}
	ppc64 := objectSpec{class: elf.ELFCLASS64, order: big, machine: elf.EM_PPC64}
	s390 := objectSpec{class: elf.ELFCLASS64, order: big, machine: elf.EM_S390}
	mips := objectSpec{class: elf.ELFCLASS32, order: big, machine: elf.EM_MIPS}
	mips64 := objectSpec{class: elf.ELFCLASS64, order: big, machine: elf.EM_MIPS}
	mips64el := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_MIPS}
	sparc := objectSpec{class: elf.ELFCLASS64, order: big, machine: elf.EM_SPARCV9}

	zeros := make([]byte, 16)
	rela, rel := elf.SHT_RELA, elf.SHT_REL
	tests := []struct {
		name   string
		object objectSpec
		typ    elf.SectionType
		data   []byte
		relocs []relocSpec
		size   int
		want   relocResult
	}{
		{"section and addend", amd64, rela, zeros, []relocSpec{{4, symText, 1, 0x20}}, 8, relocResult{firstAddr + 0x20, Done}},
		{"addend replaces what is there", amd64, rela, []byte("0123456789abcdef"), []relocSpec{{4, symText, 1, 0x20}}, 8, relocResult{firstAddr + 0x20, Done}},
		{"negative addend", amd64, rela, zeros, []relocSpec{{4, symLabel, 1, -8}}, 8, relocResult{firstAddr + 0x28, Done}},
		{"offset of a string", amd64, rela, zeros, []relocSpec{{4, symStr, 10, 3}}, 4, relocResult{3, Done}},
		{"no symbol", amd64, rela, zeros, []relocSpec{{4, 0, 1, 7}}, 8, relocResult{7, Done}},
		{"undefined symbol", amd64, rela, zeros, []relocSpec{{4, symUndef, 1, 7}}, 8, relocResult{7, Done}},
		{"absolute symbol", amd64, rela, zeros, []relocSpec{{4, symAbs, 1, 1}}, 8, relocResult{0x1235, Done}},
		{"none", amd64, rela, []byte{4: 0x77, 15: 0}, []relocSpec{{4, symText, 0, 7}}, 8, relocResult{0x77, None}},
		{"another place", amd64, rela, []byte{4: 0x77, 15: 0}, []relocSpec{{3, symText, 1, 7}, {12, symText, 10, 7}}, 8, relocResult{0x77, None}},
		{"unknown type", amd64, rela, []byte{4: 0x77, 15: 0}, []relocSpec{{4, symText, 99, 7}}, 8, relocResult{0x77, Unknown}},
		{"no such symbol", amd64, rela, []byte{4: 0x77, 15: 0}, []relocSpec{{4, 9999, 1, 7}}, 8, relocResult{0x77, Unknown}},
		{"another width", amd64, rela, []byte{4: 0x77, 15: 0}, []relocSpec{{4, symText, 10, 7}}, 8, relocResult{0x77, Unknown}},
		{"inside the number", amd64, rela, []byte{4: 0x77, 15: 0}, []relocSpec{{8, symText, 10, 7}}, 8, relocResult{0x77, Unknown}},
		{"linked", objectSpec{class: amd64.class, order: little, machine: amd64.machine, typ: elf.ET_EXEC}, rela,
			[]byte{4: 0x77, 15: 0}, []relocSpec{{4, symText, 1, 7}}, 8, relocResult{0x77, None}},

		{"i386 addend in place", i386, rel, []byte{4: 0x20, 15: 0}, []relocSpec{{4, symFunc, 1, 0}}, 4, relocResult{firstAddr + 0x30, Done}},
		{"i386 negative addend in place", i386, rel, []byte{4: 0xfc, 0xff, 0xff, 0xff, 15: 0}, []relocSpec{{4, symFunc, 1, 0}}, 4, relocResult{firstAddr + 0xc, Done}},
		{"arm Thumb function", arm, rel, zeros, []relocSpec{{4, symFunc, 2, 0}}, 4, relocResult{firstAddr + 0x10, Done}},
		{"arm64", arm64, rela, zeros, []relocSpec{{4, symFunc, 257, 4}}, 8, relocResult{firstAddr + 0x14, Done}},
		{"arm64 none", arm64, rela, zeros, []relocSpec{{4, symFunc, 256, 4}}, 8, relocResult{0, None}},
		{"ppc64", ppc64, rela, zeros, []relocSpec{{4, symFunc, 38, 4}}, 8, relocResult{firstAddr + 0x14, Done}},
		{"s390x", s390, rela, zeros, []relocSpec{{4, symLabel, 22, 0}}, 8, relocResult{firstAddr + 0x30, Done}},
		{"mips", mips, rel, []byte{7: 0x20, 15: 0}, []relocSpec{{4, symFunc, 2, 0}}, 4, relocResult{firstAddr + 0x30, Done}},
		{"mips64", mips64, rela, zeros, []relocSpec{{4, symFunc, 18, 4}}, 8, relocResult{firstAddr + 0x14, Done}},
		{"mips64 little-endian", mips64el, rela, zeros, []relocSpec{{4, symFunc, 18, 4}}, 8, relocResult{firstAddr + 0x14, Done}},
		{"mips64 two types", mips64, rela, zeros, []relocSpec{{4, symFunc, 24 | 18<<8, 4}}, 8, relocResult{firstAddr + 0xc, Done}},
		{"mips64 second type unknown", mips64, rela, zeros, []relocSpec{{4, symFunc, 18 | 77<<8, 4}}, 8, relocResult{firstAddr + 0x14, Unknown}},
		{"sparc64 type beside other data", sparc, rela, zeros, []relocSpec{{4, symFunc, 54 | 0xabcd00, 4}}, 8, relocResult{firstAddr + 0x14, Done}},

		{"riscv difference", riscv, rela, zeros, []relocSpec{{4, symLabel, 35, 0}, {4, symFunc, 39, 4}}, 4, relocResult{0x1c, Done}},
		{"riscv difference below zero", riscv, rela, zeros, []relocSpec{{4, symFunc, 34, 0}, {4, symLabel, 38, 0}}, 2, relocResult{0xffe0, Done}},
		{"riscv set and subtract", riscv, rela, []byte{4: 9, 15: 0}, []relocSpec{{4, symLabel, 54, 0}, {4, symFunc, 37, 0}}, 1, relocResult{0x20, Done}},
		{"riscv six bits", riscv, rela, []byte{4: 0x7f, 15: 0}, []relocSpec{{4, symLabel, 53, 5}, {4, symFunc, 52, 0}}, 1, relocResult{0x40 | 0x25, Done}},
		{"riscv relaxation mark", riscv, rela, zeros, []relocSpec{{4, symText, 2, 1}, {4, 0, 51, 0}}, 8, relocResult{firstAddr + 1, Done}},
		{"riscv32", riscv32, rela, zeros, []relocSpec{{4, symLabel, 1, 1}}, 4, relocResult{firstAddr + 0x31, Done}},
		{"loongarch difference", loong, rela, zeros, []relocSpec{{4, symLabel, 49, 0}, {4, symFunc, 54, 0}}, 3, relocResult{0x20, Done}},
		{"loongarch six bits", loong, rela, []byte{4: 0xc0, 15: 0}, []relocSpec{{4, symLabel, 105, 0}, {4, symFunc, 106, 0}}, 1, relocResult{0xe0, Done}},
		{"too many", riscv, rela, zeros, stacked(maxStacked+1, 35), 4, relocResult{maxStacked * (firstAddr + 1), Unknown}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := relocObject(tt.object, tt.typ, tt.data, tt.relocs).open(t).Debug("info")
			if err != nil {
				t.Fatal(err)
			}
			v, st, err := d.Uint(4, tt.size)
			if diff := cmp.Diff(relocResult{tt.want.Value, tt.want.State}, relocResult{v, st}); diff != "" || err != nil {
				t.Errorf("(-want +got), error %v:\n%s", err, diff)
			}
		})
	}
}

// stacked returns n relocations of one place.
func stacked(n int, typ uint32) []relocSpec {
	var r []relocSpec
	for range n {
		r = append(r, relocSpec{4, symText, typ, 1})
	}
	return r
}

func TestDataUintBounds(t *testing.T) {
	d, err := relocObject(x86Object(), elf.SHT_RELA, make([]byte, 8), nil).open(t).Debug("info")
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []uint64{1, 8, 9, 1 << 63, ^uint64(0) - 3} {
		if _, _, err := d.Uint(off, 8); err == nil {
			t.Errorf("no error for 8 bytes at %#x of 8", off)
		}
	}
	if _, _, _, err := d.ULEB128(8); err == nil {
		t.Error("no error for a number behind the end")
	}
}

func TestDataULEB128(t *testing.T) {
	little := binary.LittleEndian
	riscv := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_RISCV}
	loong := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_LOONGARCH}
	type result struct {
		Value uint64
		N     int
		State RelocState
	}
	tests := []struct {
		name   string
		object objectSpec
		data   []byte
		relocs []relocSpec
		want   result
	}{
		{"plain", riscv, []byte{0xe5, 0x8e, 0x26}, []relocSpec{{1, symText, 60, 0}}, result{624485, 3, None}},
		{"set and subtract", riscv, []byte{0x80, 0}, []relocSpec{{0, symLabel, 60, 0x100}, {0, symFunc, 61, 0}}, result{0x120, 2, Done}},
		{"truncated to its bytes", riscv, []byte{0}, []relocSpec{{0, symLabel, 60, 0x100}, {0, symFunc, 61, 0}}, result{0x20, 1, Done}},
		{"add and subtract", loong, []byte{0x80, 0}, []relocSpec{{0, symLabel, 107, 0x100}, {0, symFunc, 108, 0}}, result{0x120, 2, Done}},
		{"type for another form", riscv, []byte{5}, []relocSpec{{0, symText, 33, 0}}, result{5, 1, Unknown}},
		{"padded beyond 64 bits", riscv, append(make([]byte, 0), 0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0), nil, result{5, 12, None}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := relocObject(tt.object, elf.SHT_RELA, tt.data, tt.relocs).open(t).Debug("info")
			if err != nil {
				t.Fatal(err)
			}
			v, n, st, err := d.ULEB128(0)
			if diff := cmp.Diff(tt.want, result{v, n, st}); diff != "" || err != nil {
				t.Errorf("(-want +got), error %v:\n%s", err, diff)
			}
		})
	}
}

// TestRelocOrder reads every number of a section whose relocations come in
// different orders, forward, backward and at random.
func TestRelocOrder(t *testing.T) {
	for _, n := range []int{1, 2, 100, verifiedTable + 1} {
		for _, order := range []string{"sorted", "reversed", "two sorted halves", "last first", "two neighbours swapped", "a block reversed"} {
			t.Run(fmt.Sprintf("%d %s", n, order), func(t *testing.T) {
				relocs := make([]relocSpec, n)
				for i := range relocs {
					k := i
					switch order {
					case "reversed":
						k = n - 1 - i
					case "two sorted halves":
						k = (i + n/2) % n
					case "last first":
						k = (i + n - 1) % n
					case "two neighbours swapped":
						if at := n / 3 &^ 1; n > 2 && i&^1 == at {
							k = i ^ 1
						}
					case "a block reversed":
						if from, to := n/3, n/3+n/8; from <= i && i < to {
							k = from + to - 1 - i
						}
					}
					relocs[i] = relocSpec{uint64(8 * k), symText, 1, int64(k)}
				}
				d, err := relocObject(x86Object(), elf.SHT_RELA, make([]byte, 8*n), relocs).open(t).Debug("info")
				if err != nil {
					t.Fatal(err)
				}
				check := func(i int) {
					t.Helper()
					v, st, err := d.Uint(uint64(8*i), 8)
					if v != firstAddr+uint64(i) || st != Done || err != nil {
						t.Fatalf("number %d: %#x, %v, %v", i, v, st, err)
					}
				}
				for i := range n {
					check(i)
				}
				for i := n - 1; i >= 0; i-- {
					check(i)
				}
				for i := range n {
					check(i * 7919 % n)
				}
			})
		}
	}
}

func BenchmarkDataUint(b *testing.B) {
	const n = 1 << 16
	relocs := make([]relocSpec, n)
	for i := range relocs {
		relocs[i] = relocSpec{uint64(8 * i), symText, 1, int64(i)}
	}
	d, err := relocObject(x86Object(), elf.SHT_RELA, make([]byte, 8*n), relocs).open(b).Debug("info")
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name string
		step int
	}{{"forward", 1}, {"jumping", 7919}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, st, _ := d.Uint(uint64(8*i), 8); st != Done {
					b.Fatal(i)
				}
				i = (i + bb.step) % n
			}
		})
	}
}
