// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

// Sizes are the numbers that kernels may print as the size of a function, in bytes from
// its symbol. A kernel prints the distance in memory to the next symbol, padding and
// section borders included, or to the end of the region. That depends on how the kernel
// was built and how it lays out modules, so there are several candidates.
type Sizes struct {
	Next    uint64 // to the next symbol in memory; 0 if it is the last of its region
	Varying uint64 // to one before that, which only some kernels have; 0 if there is none
	Region  uint64 // to the end of the region's code, which kernels round up to pages
	Section uint64 // to the next symbol in the section, or the section's end
	ELF     uint64 // as in the symbol table

	regionOffset uint64
}

// SizeMatch is the rule by which a printed size fits a symbol, the best first.
type SizeMatch uint8

const (
	SizeKernel     SizeMatch = iota // as kallsyms of the kernel computes it
	SizeRegion                      // to the end of the region, rounded up to pages
	SizeSection                     // to the next symbol, within each section
	SizeELF                         // as in the symbol table
	SizeELFAligned                  // the same, rounded up to 16
	SizeStripped                    // as kallsyms computes it for a module that was stripped, see [File.Stripped]
	SizeDiffers                     // none of these
)

// Match returns the best rule by which a kernel may have printed size.
func (z Sizes) Match(size uint64) SizeMatch {
	switch {
	case z.Next != 0 && size == z.Next, z.Varying != 0 && size == z.Varying:
		return SizeKernel
	case z.endsAt(size):
		return SizeRegion
	case size == z.Section:
		return SizeSection
	case z.ELF != 0 && size == z.ELF:
		return SizeELF
	case z.ELF != 0 && size == alignUp(z.ELF, 16):
		return SizeELFAligned
	}
	return SizeDiffers
}

// endsAt reports whether size reaches the end of the region. The loader rounds that end
// up to pages of 4, 16 or 64 KiB; old kernels do not round it.
func (z Sizes) endsAt(size uint64) bool {
	end := z.regionOffset + z.Region
	for _, page := range [...]uint64{1, 4 << 10, 16 << 10, 64 << 10} {
		if z.regionOffset+size == alignUp(end, page) {
			return true
		}
	}
	return false
}

// Max returns the largest offset that can belong to the symbol: a return address may be
// one past its last byte.
func (z Sizes) Max() uint64 {
	if z.Next != 0 {
		return max(z.Next, z.ELF)
	}
	return max(z.Region, z.Section, z.ELF)
}

// Sizes returns the candidates for a symbol of this file.
func (f *File) Sizes(s Symbol) Sizes {
	t, err := f.symbolTable()
	if err != nil {
		return Sizes{}
	}
	key := f.placeKey(s.Section, s.Offset)
	z := Sizes{ELF: s.Size, Section: s.Section.Size - s.Offset, regionOffset: key}
	end := s.Section.Addr + s.Section.Size // of the region, as a key
	if !f.Linked() {
		z.regionOffset = s.Section.RegionOffset + s.Offset
		end = key - z.regionOffset + f.regionSize[s.Section.Region]
	}
	z.Region = end - key
	next, varying := end, end
	found := false
	take := func(k uint64, v visibility) {
		switch v {
		case varies:
			varying = min(varying, k)
		case shown:
			found, next = true, k
		}
	}
	if x := f.symbolIndex(t); x != nil {
		for i := x.after(key); i < len(x.places) && x.places[i].key < end && !found; i++ {
			v := shown
			if x.places[i].varies {
				v = varies
			}
			take(x.places[i].key, v)
		}
	} else {
		for i := 0; i < t.n; i++ {
			// In linked files the value is enough, and most symbols are elsewhere.
			if f.Linked() && f.symbols.opd == nil {
				if i = t.between(i, key+1, next); i == t.n {
					break
				}
			}
			raw, sec, off, ok := f.codePlace(t, i)
			if !ok {
				continue
			}
			if k := f.placeKey(sec, off); k > key && k < next {
				take(k, f.visible(t.name(raw.name)))
			}
		}
	}
	if found {
		z.Next = next - key
		z.Section = min(z.Section, z.Next)
	}
	if varying < next {
		z.Varying = varying - key
	}
	return z
}
