// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// objectSpec describes an object file for tests.
type objectSpec struct {
	class    elf.Class
	order    byteOrder
	machine  elf.Machine
	typ      elf.Type
	sections []sectionSpec
	symbols  []symbolSpec
	extended bool // section numbers are in the fields for large ones
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

type sectionSpec struct {
	name   string
	typ    elf.SectionType
	flags  elf.SectionFlag
	addr   uint64
	data   []byte
	size   uint64 // of SHT_NOBITS
	align  uint64
	target string // of relocations
	relocs []relocSpec
}

type relocSpec struct {
	off    uint64
	sym    uint32
	typ    uint32
	addend int64
}

type symbolSpec struct {
	name    string
	section string // "" undefined, "ABS", "COMMON"
	value   uint64
	size    uint64
	typ     elf.SymType
}

const (
	alloc = elf.SHF_ALLOC
	text  = elf.SHF_ALLOC | elf.SHF_EXECINSTR
)

// bytes assembles the file: the sections, then .symtab, .strtab and .shstrtab.
func (o objectSpec) bytes() []byte {
	is64 := o.class == elf.ELFCLASS64
	put := func(b []byte, width int, v uint64) []byte {
		switch width {
		case 1:
			return append(b, byte(v))
		case 2:
			return o.order.AppendUint16(b, uint16(v))
		case 4:
			return o.order.AppendUint32(b, uint32(v))
		}
		return o.order.AppendUint64(b, v)
	}
	word := 4
	if is64 {
		word = 8
	}
	index := map[string]uint64{"": 0, "ABS": uint64(elf.SHN_ABS), "COMMON": uint64(elf.SHN_COMMON)}
	for i, s := range o.sections {
		index[s.name] = uint64(i + 1)
	}
	symtabIndex := uint64(len(o.sections) + 1)

	sections := append([]sectionSpec{{}}, o.sections...)
	var symtab, shndx []byte
	strtab := []byte{0}
	symbols := append([]symbolSpec{{}}, o.symbols...)
	for _, s := range symbols {
		name := uint64(0)
		if s.name != "" {
			name = uint64(len(strtab))
			strtab = append(append(strtab, s.name...), 0)
		}
		number := index[s.section]
		short := number
		if o.extended && s.section != "" && number < uint64(elf.SHN_LORESERVE) {
			short = uint64(elf.SHN_XINDEX)
		}
		shndx = put(shndx, 4, number)
		symtab = put(symtab, 4, name)
		if is64 {
			symtab = put(put(put(symtab, 1, uint64(s.typ)), 1, 0), 2, short)
			symtab = put(put(symtab, 8, s.value), 8, s.size)
		} else {
			symtab = put(put(symtab, 4, s.value), 4, s.size)
			symtab = put(put(put(symtab, 1, uint64(s.typ)), 1, 0), 2, short)
		}
	}
	sections = append(sections,
		sectionSpec{name: ".symtab", typ: elf.SHT_SYMTAB, data: symtab},
		sectionSpec{name: ".strtab", typ: elf.SHT_STRTAB, data: strtab})
	if o.extended {
		sections = append(sections, sectionSpec{name: ".symtab_shndx", typ: elf.SHT_SYMTAB_SHNDX, data: shndx})
	}
	sections = append(sections, sectionSpec{name: ".shstrtab", typ: elf.SHT_STRTAB})
	shstrtab := []byte{0}
	names := make([]uint64, len(sections))
	for i, s := range sections {
		if s.name != "" {
			names[i] = uint64(len(shstrtab))
			shstrtab = append(append(shstrtab, s.name...), 0)
		}
	}
	sections[len(sections)-1].data = shstrtab

	headerSize, sectionSize := 52, 40
	if is64 {
		headerSize, sectionSize = 64, 64
	}
	body := make([]byte, headerSize)
	var headers []byte
	for i, s := range sections {
		var link, info, entSize uint64
		data := s.data
		switch s.typ {
		case elf.SHT_REL, elf.SHT_RELA:
			link, info = symtabIndex, index[s.target]
			entSize = uint64(2 * word)
			if s.typ == elf.SHT_RELA {
				entSize = uint64(3 * word)
			}
			for _, r := range s.relocs {
				data = put(data, word, r.off)
				switch {
				case !is64:
					data = put(data, 4, uint64(r.sym)<<8|uint64(r.typ))
				case o.machine == elf.EM_MIPS:
					data = append(put(data, 4, uint64(r.sym)), 0, byte(r.typ>>16), byte(r.typ>>8), byte(r.typ))
				default:
					data = put(data, 8, uint64(r.sym)<<32|uint64(r.typ))
				}
				if s.typ == elf.SHT_RELA {
					data = put(data, word, uint64(r.addend))
				}
			}
		case elf.SHT_SYMTAB:
			link, entSize = symtabIndex+1, uint64(4*word-8*(word/8)) // 16 or 24
		case elf.SHT_SYMTAB_SHNDX:
			link, entSize = symtabIndex, 4
		}
		size := max(s.size, uint64(len(data)))
		first := uint64(0)
		if i == 0 && o.extended {
			size, first = uint64(len(sections)), uint64(len(sections)-1)
			link = first
		}
		headers = put(put(headers, 4, names[i]), 4, uint64(s.typ))
		headers = put(put(headers, word, uint64(s.flags)), word, s.addr)
		headers = put(put(headers, word, uint64(len(body))), word, size)
		headers = put(put(headers, 4, link), 4, info)
		headers = put(put(headers, word, s.align), word, entSize)
		body = append(body, data...)
	}
	head := []byte{0x7f, 'E', 'L', 'F', byte(o.class), byte(elf.ELFDATA2LSB), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if o.order == binary.BigEndian {
		head[elf.EI_DATA] = byte(elf.ELFDATA2MSB)
	}
	head = put(put(put(head, 2, uint64(o.typ)), 2, uint64(o.machine)), 4, 1)
	head = put(put(put(head, word, 0), word, 0), word, uint64(len(body)))
	head = put(put(head, 4, 0), 2, uint64(headerSize))
	head = put(put(put(head, 2, 0), 2, 0), 2, uint64(sectionSize))
	count, last := uint64(len(sections)), uint64(len(sections)-1)
	if o.extended {
		count, last = 0, uint64(elf.SHN_XINDEX)
	}
	head = put(put(head, 2, count), 2, last)
	copy(body, head)
	return append(body, headers...)
}

func (o objectSpec) open(t testing.TB) *File {
	t.Helper()
	f, err := New(o.bytes(), "test.o")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func x86Object() objectSpec {
	return objectSpec{class: elf.ELFCLASS64, order: binary.LittleEndian, machine: elf.EM_X86_64, typ: elf.ET_REL}
}

// helloModules returns the paths of the modules that come with the project.
func helloModules(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/modules/hello_kernel/*/hello-kernel.ko")
	if err != nil || len(paths) != 5 {
		t.Fatalf("found %d test modules, want 5: %v", len(paths), err)
	}
	return paths
}

func TestNew(t *testing.T) {
	big := objectSpec{class: elf.ELFCLASS32, order: binary.BigEndian, machine: elf.EM_PPC, typ: elf.ET_EXEC,
		sections: []sectionSpec{{name: ".text", typ: elf.SHT_PROGBITS, flags: text, addr: 0x1000, data: make([]byte, 16)}}}
	f := big.open(t)
	type header struct {
		Class   elf.Class
		Machine elf.Machine
		Type    elf.Type
		Big     bool
		Addr    int
		Linked  bool
		Names   []string
	}
	var names []string
	for _, s := range f.Sections() {
		names = append(names, s.Name)
	}
	want := header{elf.ELFCLASS32, elf.EM_PPC, elf.ET_EXEC, true, 4, true, []string{"", ".text", ".symtab", ".strtab", ".shstrtab"}}
	got := header{f.Class, f.Machine, f.Type, f.Order == binary.BigEndian, f.AddrSize(), f.Linked(), names}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestNewExtended(t *testing.T) {
	o := x86Object()
	o.extended = true
	o.sections = []sectionSpec{{name: ".text", typ: elf.SHT_PROGBITS, flags: text, data: make([]byte, 16)}}
	o.symbols = []symbolSpec{{name: "f", section: ".text", value: 4, typ: elf.STT_FUNC}}
	f := o.open(t)
	syms, err := f.Lookup("f")
	if err != nil || len(syms) != 1 || syms[0].Section.Name != ".text" || syms[0].Offset != 4 {
		t.Errorf("got %+v, %v", syms, err)
	}
}

func TestNewMalformed(t *testing.T) {
	good := x86Object().bytes()
	edit := func(at int, b ...byte) []byte {
		c := bytes.Clone(good)
		copy(c[at:], b)
		return c
	}
	tests := []struct {
		name string
		b    []byte
	}{
		{"empty", nil},
		{"text", []byte("not an object file, but as long as the header of one would be, or longer")},
		{"cut in the header", good[:60]},
		{"cut in the section headers", good[:len(good)-1]},
		{"class", edit(elf.EI_CLASS, 3)},
		{"byte order", edit(elf.EI_DATA, 0)},
		{"no section headers", edit(40, make([]byte, 8)...)},
		{"section headers far away", edit(40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)},
		{"short section headers", edit(58, 1, 0)},
		{"too many section headers", edit(60, 0xff, 0xfe)},
		{"no names", edit(62, 0x77, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(tt.b, "x"); !errors.Is(err, ErrFormat) {
				t.Errorf("error %v, want ErrFormat", err)
			}
		})
	}
}

func TestBuildID(t *testing.T) {
	for _, path := range helloModules(t) {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if id := f.BuildID(); len(id) != 40 {
			t.Errorf("%s: build ID %q", path, id)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	le := binary.LittleEndian
	note := func(name string, kind uint32, desc ...byte) []byte {
		b := le.AppendUint32(nil, uint32(len(name)))
		b = le.AppendUint32(b, uint32(len(desc)))
		b = le.AppendUint32(b, kind)
		b = append(b, name...)
		b = append(b, make([]byte, -len(b)&3)...)
		return append(append(b, desc...), make([]byte, -len(desc)&3)...)
	}
	tests := []struct {
		name string
		b    []byte
		want []byte
	}{
		{"alone", note("GNU\x00", 3, 1, 2, 3), []byte{1, 2, 3}},
		{"second", append(note("Linux\x00", 7, 9, 9, 9, 9, 9), note("GNU\x00", 3, 1)...), []byte{1}},
		{"another kind", note("GNU\x00", 5, 1, 2, 3), nil},
		{"cut", note("GNU\x00", 3, 1, 2, 3, 4)[:17], nil},
		{"sizes too large", bytes.Repeat([]byte{0xff}, 40), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, BuildID(tt.b, le)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOpenTruncated(t *testing.T) {
	o := x86Object()
	o.sections = []sectionSpec{{name: ".debug_str", typ: elf.SHT_PROGBITS, data: make([]byte, 2*mapFrom)}}
	path := filepath.Join(t.TempDir(), "m.ko")
	if err := os.WriteFile(path, o.bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.release == nil {
		t.Skip("files are not mapped here (try: on Linux)")
	}
	d, err := f.Debug("str")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	err = Guard(func() error {
		_, _, err := d.Uint(mapFrom, 8)
		return err
	})
	if !errors.Is(err, ErrFormat) {
		t.Errorf("error %v, want ErrFormat", err)
	}
}
