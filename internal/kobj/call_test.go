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

// callText returns a Call as text: "direct f", "direct .text+0x4", "indirect".
func callText(c Call) string {
	if c.Self {
		c.Self = false
		return callText(c) + " self"
	}
	switch c.Kind {
	case CallNone:
		return "none"
	case CallIndirect:
		return "indirect"
	case CallDirect:
		if c.Section != nil {
			return fmt.Sprintf("direct %s %s+%#x", c.Callee, c.Section.Name, c.Offset)
		}
		return "direct " + c.Callee
	}
	return "unknown"
}

func TestCallBefore(t *testing.T) {
	little, big := binary.LittleEndian, binary.BigEndian
	amd64 := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_X86_64}
	linked := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_X86_64, typ: elf.ET_EXEC}
	i386 := objectSpec{class: elf.ELFCLASS32, order: little, machine: elf.EM_386}
	arm := objectSpec{class: elf.ELFCLASS32, order: little, machine: elf.EM_ARM}
	arm64 := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_AARCH64}
	riscv := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_RISCV}
	riscv32 := objectSpec{class: elf.ELFCLASS32, order: little, machine: elf.EM_RISCV}
	loong := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_LOONGARCH}
	loongExec := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_LOONGARCH, typ: elf.ET_EXEC}
	ppc64 := objectSpec{class: elf.ELFCLASS64, order: little, machine: elf.EM_PPC64}
	s390 := objectSpec{class: elf.ELFCLASS64, order: big, machine: elf.EM_S390}
	mips := objectSpec{class: elf.ELFCLASS32, order: big, machine: elf.EM_MIPS}
	mips64 := objectSpec{class: elf.ELFCLASS64, order: big, machine: elf.EM_MIPS}
	const callee, local, thunk = 1, 2, 4 // symbols
	sparc := objectSpec{class: elf.ELFCLASS64, order: big, machine: elf.EM_SPARCV9}
	tests := []struct {
		name   string
		object objectSpec
		code   string // ends at the return address, unless ret says otherwise
		ret    uint64
		relocs []relocSpec
		want   string
	}{
		{"call", amd64, "\xe8\x00\x00\x00\x00", 0, []relocSpec{{1, callee, 4, -4}}, "direct callee"},
		{"call by section symbol", amd64, "\xe8\x00\x00\x00\x00", 0, []relocSpec{{1, 3, 2, 0x10 - 4}}, "direct local .other+0x10"},
		{"call within the section", amd64, "\x90\x90\xe8\xf9\xff\xff\xff", 0, nil, "direct start .text+0x0"},
		{"call to outside the section", amd64, "\x90\x90\xe8\x00\x00\x00\x40", 0, nil, "none"},
		{"retpoline", amd64, "\xe8\x00\x00\x00\x00", 0, []relocSpec{{1, thunk, 4, -4}}, "indirect"},
		{"retpoline made a call of rax", amd64, "\xe8\x00\x00\x00\x00", 2, []relocSpec{{1, thunk, 4, -4}}, "indirect"},
		{"retpoline made a call of r8", amd64, "\xe8\x00\x00\x00\x00", 3, []relocSpec{{1, thunk, 4, -4}}, "indirect"},
		{"inside a call", amd64, "\xe8\x00\x00\x00\x00", 3, []relocSpec{{1, callee, 4, -4}}, "none"},
		{"register", amd64, "\xff\xd0", 0, nil, "indirect"},
		{"register r8", amd64, "\x41\xff\xd0", 0, nil, "indirect"},
		{"memory", amd64, "\xff\x10", 0, nil, "indirect"},
		{"memory with SIB", amd64, "\xff\x14\xc1", 0, nil, "indirect"},
		{"memory with SIB and address", amd64, "\xff\x14\xc5\x00\x00\x00\x00", 0, nil, "indirect"},
		{"memory with short offset", amd64, "\xff\x50\x18", 0, nil, "indirect"},
		{"memory with offset", amd64, "\xff\x90\x18\x00\x00\x00", 0, nil, "indirect"},
		{"memory relative", amd64, "\xff\x15\x18\x00\x00\x00", 0, nil, "indirect"},
		{"absolute memory made a direct call", amd64, "\xff\x14\x25\x18\x00\x00\x00", 5, nil, "indirect"},
		{"memory made a direct call", amd64, "\xff\x15\x18\x00\x00\x00", 5, nil, "indirect"},
		{"jump", amd64, "\xff\xe0", 0, nil, "none"},
		{"direct jump", amd64, "\xe9\x00\x00\x00\x00", 0, []relocSpec{{1, callee, 4, -4}}, "none"},
		{"return", amd64, "\x5b\xc3", 0, nil, "none"},
		{"LoongArch call, linked", loongExec, "\x00\x00\x40\x03\xff\xff\xff\x57", 0, nil, "direct start .text+0x0"},
		{"LoongArch call by two instructions, of no function's start, linked", loongExec, "\x00\x00\x40\x03\x00\x00\x40\x03\x01\x00\x00\x1e\x21\xfc\xff\x4f", 0, nil, "indirect"},
		{"LoongArch call by two instructions, linked", loongExec, "\x00\x00\x40\x03\x01\x00\x00\x1e\x21\xfc\xff\x4f", 0, nil, "direct start .text+0x0"},
		{"LoongArch call of no function's start, linked", loongExec, "\x00\x00\x40\x03\x00\x00\x40\x03\xff\xff\xff\x57", 0, nil, "indirect"},
		{"nop", amd64, "\xf3\x0f\x1e\xfa\x0f\x1f\x44\x00\x00", 0, nil, "unknown"},
		{"linked", linked, "\x90\x90\xe8\xf9\xff\xff\xff", 0, nil, "direct start .text+0x0"},
		{"linked, elsewhere", linked, "\x90\x90\xe8\x09\x10\x00\x00", 0, nil, "direct local .other+0x10"},
		{"linked, not found", linked, "\x90\x90\xe8\xf9\xff\xfe\xff", 0, nil, "indirect"},
		{"linked, nowhere", linked, "\x90\x90\xe8\x00\x00\x00\x40", 0, nil, "none"},
		{"i386", i386, "\xe8\xfc\xff\xff\xff", 0, []relocSpec{{1, callee, 2, 0}}, "direct callee"},
		{"i386 by section symbol", i386, "\xe8\x0c\x00\x00\x00", 0, []relocSpec{{1, 3, 2, 0}}, "direct local .other+0x10"},

		{"arm bl", arm, "\xfe\xff\xff\xeb", 0, []relocSpec{{0, callee, 28, 0}}, "direct callee"},
		{"arm bl local", arm, "\xfe\xff\xff\xeb", 0, []relocSpec{{0, local, 28, 0}}, "direct local .other+0x10"},
		{"arm blx", arm, "\x33\xff\x2f\xe1", 0, nil, "indirect"},
		{"arm other", arm, "\x00\x00\xa0\xe1", 0, nil, "unknown"},
		{"arm64 bl", arm64, "\x00\x00\x00\x94", 0, []relocSpec{{0, callee, 283, 0}}, "direct callee"},
		{"arm64 bl within the section", arm64, "\x1f\x20\x03\xd5\xff\xff\xff\x97", 0, nil, "direct start .text+0x0"},
		{"arm64 blr", arm64, "\x60\x00\x3f\xd6", 0, nil, "indirect"},
		{"arm64 nop", arm64, "\x1f\x20\x03\xd5", 0, nil, "unknown"},
		{"arm64 other", arm64, "\xc0\x03\x5f\xd6", 0, nil, "none"},
		{"arm64 not aligned", arm64, "\x00\x00\x00\x94", 2, nil, "none"},
		{"ppc64 bl", ppc64, "\x01\x00\x00\x48", 0, []relocSpec{{0, callee, 10, 0}}, "direct callee"},
		{"ppc64 bctrl", ppc64, "\x21\x04\x80\x4e", 0, nil, "indirect"},
		{"ppc64 nop", ppc64, "\x00\x00\x00\x60", 0, nil, "unknown"},
		{"ppc64 other", ppc64, "\x20\x00\x80\x4e", 0, nil, "none"},
		{"s390x brasl", s390, "\xc0\xe5\x00\x00\x00\x00", 0, []relocSpec{{2, local, 20, 2}}, "direct local .other+0x10"},
		{"s390x brasl within the section", s390, "\x07\x00\xc0\xe5\xff\xff\xff\xff", 0, nil, "direct start .text+0x0"},
		{"s390x basr", s390, "\x0d\xe1", 0, nil, "indirect"},
		{"s390x nop", s390, "\xc0\x04\x00\x00\x00\x00", 0, nil, "unknown"},
		{"s390x other", s390, "\x07\xfe", 0, nil, "none"},
		{"riscv call", riscv, "\x97\x00\x00\x00\xe7\x80\x00\x00", 0, []relocSpec{{0, callee, 19, 0}, {0, 0, 51, 0}}, "direct callee"},
		{"riscv jal", riscv, "\xef\x00\x00\x00", 0, []relocSpec{{0, local, 17, 0}}, "direct local .other+0x10"},
		{"riscv jalr", riscv, "\xe7\x80\x07\x00", 0, nil, "indirect"},
		{"riscv c.jalr", riscv, "\x82\x97", 0, nil, "indirect"},
		{"riscv nop", riscv, "\x13\x00\x00\x00", 0, nil, "unknown"},
		{"riscv c.nop", riscv, "\x01\x00", 0, nil, "unknown"},
		{"riscv c.jr", riscv, "\x82\x87", 0, nil, "none"},
		{"riscv32 c.jal", riscv32, "\x01\x20", 0, nil, "indirect"},
		{"loongarch bl", loong, "\x00\x00\x00\x54", 0, []relocSpec{{0, callee, 66, 0}}, "direct callee"},
		{"loongarch call36", loong, "\x01\x00\x00\x1e\x21\x00\x00\x4c", 0, []relocSpec{{0, callee, 110, 0}}, "direct callee"},
		{"loongarch jirl", loong, "\x00\x00\x40\x03\x81\x01\x00\x4c", 0, nil, "indirect"},
		{"mips jal", mips, "\x0c\x00\x00\x04\x00\x00\x00\x00", 0, []relocSpec{{0, 3, 4, 0}}, "direct local .other+0x10"},
		{"mips64 jal", mips64, "\x0c\x00\x00\x00\x00\x00\x00\x00", 0, []relocSpec{{0, callee, 4, 0}}, "direct callee"},
		{"mips jalr", mips, "\x03\x20\xf8\x09\x00\x00\x00\x00", 0, nil, "indirect"},
		{"mips in the delay slot", mips, "\x0c\x00\x00\x04\x00\x00\x00\x00", 4, nil, "none"},
		{"sparc64 call", sparc, "\x01\x00\x00\x00\x40\x00\x00\x00\x01\x00\x00\x00", 4, []relocSpec{{4, callee, 7, 0}}, "direct callee self"},
		{"sparc64 call within the section", sparc, "\x01\x00\x00\x00\x7f\xff\xff\xff\x01\x00\x00\x00", 4, nil, "direct start .text+0x0 self"},
		{"sparc64 jmpl", sparc, "\x01\x00\x00\x00\x9f\xc0\x40\x00\x01\x00\x00\x00", 4, nil, "indirect self"},
		{"sparc64 after a call", sparc, "\x40\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00", 8, nil, "none"},
		{"another machine", objectSpec{class: elf.ELFCLASS32, order: big, machine: elf.EM_68K}, "\x4e\xb9\x00\x00", 0, nil, "unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.object
			if o.typ == 0 {
				o.typ = elf.ET_REL
			}
			typ := elf.SHT_RELA
			if o.class == elf.ELFCLASS32 && o.machine != elf.EM_RISCV && o.machine != elf.EM_PPC {
				typ = elf.SHT_REL
			}
			textAddr, otherAddr := uint64(0), uint64(0)
			if o.typ == elf.ET_EXEC {
				textAddr, otherAddr = 0x10000, 0x11000
			}
			o.sections = []sectionSpec{
				{name: ".text", typ: elf.SHT_PROGBITS, flags: text, addr: textAddr, data: []byte(tt.code), align: 4},
				{name: ".other", typ: elf.SHT_PROGBITS, flags: text, addr: otherAddr, data: make([]byte, 32), align: 4},
				{name: ".rel.text", typ: typ, target: ".text", relocs: tt.relocs},
			}
			o.symbols = []symbolSpec{
				{name: "callee"},
				{name: "local", section: ".other", value: otherAddr + 0x10, typ: elf.STT_FUNC},
				{section: ".other", typ: elf.STT_SECTION},
				{name: "__x86_indirect_thunk_array"},
				{name: "start", section: ".text", value: textAddr, typ: elf.STT_FUNC},
			}
			f := o.open(t)
			ret := tt.ret
			if ret == 0 {
				ret = uint64(len(tt.code))
			}
			if diff := cmp.Diff(tt.want, callText(f.CallBefore(f.Section(".text"), ret))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCallBeforeWithoutCode(t *testing.T) {
	o := x86Object()
	o.sections = []sectionSpec{
		{name: ".text", typ: elf.SHT_NOBITS, flags: text, size: 32},
		{name: ".data", typ: elf.SHT_PROGBITS, flags: alloc, data: []byte("\xe8\x00\x00\x00\x00")},
	}
	f := o.open(t)
	for _, c := range []Call{
		f.CallBefore(f.Section(".text"), 5),
		f.CallBefore(f.Section(".text"), 500),
		f.CallBefore(f.Section(".data"), 5),
	} {
		if c.Kind != CallUnknown {
			t.Errorf("got %q", callText(c))
		}
	}
}

// TestDescriptors looks functions up through the descriptors of the first 64-bit
// PowerPC ABI.
func TestDescriptors(t *testing.T) {
	o := objectSpec{class: elf.ELFCLASS64, order: binary.BigEndian, machine: elf.EM_PPC64, typ: elf.ET_REL}
	o.sections = []sectionSpec{
		{name: ".text", typ: elf.SHT_PROGBITS, flags: text, data: make([]byte, 0x60), align: 4},
		{name: ".opd", typ: elf.SHT_PROGBITS, flags: alloc, data: make([]byte, 48), align: 8},
		{name: ".rela.opd", typ: elf.SHT_RELA, target: ".opd", relocs: []relocSpec{{0, 1, 38, 0x10}, {24, 1, 38, 0x40}}},
		{name: ".rela.text", typ: elf.SHT_RELA, target: ".text"},
	}
	o.symbols = []symbolSpec{
		{section: ".text", typ: elf.STT_SECTION},
		{name: "f", section: ".opd", value: 0, size: 0x2c, typ: elf.STT_FUNC},
		{name: "g", section: ".opd", value: 24, size: 0x20, typ: elf.STT_FUNC},
		{name: "lost", section: ".opd", value: 8, typ: elf.STT_FUNC},
	}
	inBothModes(t, o, func(t *testing.T, f *File) {
		for name, want := range map[string][]string{"f": {"f .text+0x10"}, "g": {"g .text+0x40"}, "lost": nil} {
			got, err := f.Lookup(name)
			if diff := cmp.Diff(want, places(got)); diff != "" || err != nil {
				t.Errorf("%s, error %v (-want +got):\n%s", name, err, diff)
			}
		}
		syms, _ := f.Lookup("f")
		if len(syms) != 1 || f.Sizes(syms[0]).Match(0x30) != SizeKernel {
			t.Errorf("sizes of f do not match 0x30")
		}
	})
}
