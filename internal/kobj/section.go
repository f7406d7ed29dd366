// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Section is one section of a file.
type Section struct {
	Index   int
	Name    string
	Type    elf.SectionType
	Flags   elf.SectionFlag
	Addr    uint64 // as linked, or the private address in ET_REL; 0 if it occupies no memory
	Offset  uint64 // in the file
	Size    uint64
	Align   uint64
	EntSize uint64
	Link    uint32
	Info    uint32

	// Region and RegionOffset say where the kernel's module loader puts an executable
	// section of an ET_REL file, relative to its neighbours.
	Region       Region
	RegionOffset uint64

	nameOff uint32
}

// executable reports whether s holds code.
func (s *Section) executable() bool {
	return s.Flags&(elf.SHF_ALLOC|elf.SHF_EXECINSTR) == elf.SHF_ALLOC|elf.SHF_EXECINSTR
}

func (s *Section) Executable() bool { return s.executable() }

// Sections returns all sections in the order of their headers; index 0 is the null
// section. The caller must not change them.
func (f *File) Sections() []Section { return f.sections }

// Loaded returns the names of the sections that may be in memory when the file is loaded,
// each with a line end before and after it. On PowerPC the kernel's module loader makes
// room in sections that are empty in the file, such as .stubs.
func (f *File) Loaded() string {
	var names strings.Builder
	for i := range f.sections {
		s := &f.sections[i]
		filled := s.Type == elf.SHT_NOBITS && s.Flags&elf.SHF_ALLOC != 0 && s.Name != ".bss"
		if s.loaded() || filled {
			names.WriteString("\n" + s.Name + "\n")
		}
	}
	return names.String()
}

// Section returns the first section of that name, or nil if there is none.
func (f *File) Section(name string) *Section {
	for i := range f.sections {
		if f.sections[i].Name == name {
			return &f.sections[i]
		}
	}
	return nil
}

// Contents returns the bytes of a section as they are in the file: neither decompressed
// nor relocated. For a section that occupies no space in the file (SHT_NOBITS) it
// returns nil and no error.
func (f *File) Contents(s *Section) ([]byte, error) {
	if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
		return nil, nil
	}
	b, err := f.slice(s.Offset, s.Size)
	if err != nil {
		return nil, fmt.Errorf("section %d %s: %w", s.Index, s.Name, err)
	}
	return b, nil
}

// codePart is a part of a section, from an offset on.
type codePart struct {
	b    []byte
	base uint64
	copy *[]byte // b, if that is a copy; else nil
}

var codeParts = sync.Pool{New: func() any { return new([]byte) }}

// maxCodePart is the size of the largest part that is copied.
const maxCodePart = 64 << 10

// codePart returns a part with the bytes [lo, hi) of a section with the contents b, as far
// as it has them: a copy if those are mapped and large, see [Data.Copy], or else all. The
// caller ends its use with done.
func (f *File) codePart(s *Section, b []byte, lo, hi uint64) codePart {
	hi = min(hi, s.Size)
	if f.file == nil || s.Size < apartFrom || lo >= hi || hi-lo > maxCodePart {
		return codePart{b: b}
	}
	p := codeParts.Get().(*[]byte)
	*p = slices.Grow((*p)[:0], int(hi-lo))[:hi-lo]
	if _, err := f.file.ReadAt(*p, int64(s.Offset+lo)); err != nil {
		codeParts.Put(p)
		return codePart{b: b}
	}
	return codePart{*p, lo, p}
}

func (p *codePart) done() {
	if p.copy != nil {
		codeParts.Put(p.copy)
	}
}

// SectionAt returns the section that contains an address, and the offset from the
// section's start. It returns nil if there is none.
func (f *File) SectionAt(addr uint64) (*Section, uint64) {
	i := sort.Search(len(f.byAddr), func(i int) bool { return f.sections[f.byAddr[i]].Addr > addr })
	// Sections of linked files may overlap (.bss and what is discarded after boot), so the
	// section with the nearest start is not always the right one.
	for j := i - 1; j >= 0 && j >= i-8; j-- {
		s := &f.sections[f.byAddr[j]]
		if addr-s.Addr < s.Size {
			return s, addr - s.Addr
		}
	}
	return nil, 0
}

// firstAddr is the first private address. It is above all values that stand for "no
// address" in debug information.
const firstAddr = 0x10000

// sectionGap is the distance between sections at private addresses, so that the end of
// one is not the start of the next.
const sectionGap = 0x100

// layOut assigns addresses and regions to the sections of ET_REL files.
//
// The order is that of layout_sections in the kernel's kernel/module/main.c. Executable
// sections are in file order, each aligned as its header says. Those whose name begins
// with ".init" are in a region of their own.
func (f *File) layOut() error {
	if !f.Linked() {
		limit := uint64(1) << 46
		if f.Class == elf.ELFCLASS32 {
			limit = 1 << 31
		}
		var order []int32
		for _, pass := range []func(s *Section) bool{
			func(s *Section) bool { return s.executable() && !initSection(s.Name) },
			func(s *Section) bool { return s.executable() && initSection(s.Name) },
			func(s *Section) bool { return !s.executable() },
		} {
			for i := range f.sections {
				if s := &f.sections[i]; s.Flags&elf.SHF_ALLOC != 0 && pass(s) {
					order = append(order, int32(i))
				}
			}
		}
		next := uint64(firstAddr)
		for _, i := range order {
			s := &f.sections[i]
			align := s.Align
			if align&(align-1) != 0 || align > 1<<20 || align == 0 {
				align = 1
			}
			if s.Size > limit {
				return fmt.Errorf("%w: section %d %s of %#x bytes", ErrFormat, i, s.Name, s.Size)
			}
			if s.executable() {
				s.Region = RegionCoreText
				if initSection(s.Name) {
					s.Region = RegionInitText
				}
				f.regionSize[s.Region] = alignUp(f.regionSize[s.Region], align)
				s.RegionOffset = f.regionSize[s.Region]
				f.regionSize[s.Region] += s.Size
			}
			s.Addr = alignUp(next, max(align, 16))
			next = s.Addr + s.Size + sectionGap
			if next > limit {
				return fmt.Errorf("%w: sections do not fit into memory", ErrFormat)
			}
		}
	}
	for i := range f.sections {
		s := &f.sections[i]
		switch {
		case s.Flags&elf.SHF_ALLOC == 0:
			s.Addr = 0
		case s.Size > 0:
			f.byAddr = append(f.byAddr, int32(i))
		}
	}
	slices.SortStableFunc(f.byAddr, func(a, b int32) int {
		x, y := f.sections[a].Addr, f.sections[b].Addr
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return nil
}

// initSection is the kernel's module_init_section.
func initSection(name string) bool { return strings.HasPrefix(name, ".init") }

func alignUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }
