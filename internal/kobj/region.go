// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"math"
	"strings"
)

// Region is a part of a module that the kernel allocates in one piece.
type Region uint8

const (
	RegionNone     Region = iota // not code, or not a module
	RegionCoreText               // code that stays
	RegionInitText               // code that is freed when the module's init function has returned
)

// InModule is a place in a region of a module.
type InModule struct {
	Section *Section
	Offset  uint64 // in Section, up to its size: a call may be the last instruction
}

// AtResidue returns the places in a region whose distance from the region's start
// is residue, modulo page. It is not ok if that distance is not known, because
// the kernel changes the size of a section in front of it.
func (f *File) AtResidue(r Region, residue, page uint64) (places []InModule, ok bool) {
	if f.Linked() || page == 0 {
		return nil, false
	}
	resized := uint64(math.MaxUint64) // where the first section is whose size changes
	for _, s := range f.sections {
		if s.Region == r && s.resized() {
			resized = min(resized, s.RegionOffset)
		}
	}
	for i := range f.sections {
		s := &f.sections[i]
		if s.Region != r || s.Size == 0 || s.resized() {
			continue
		}
		if s.Type == elf.SHT_NOBITS || s.Size > uint64(len(f.raw)) {
			return nil, false // debug files have no code, damaged ones any size
		}
		if s.RegionOffset > resized {
			return nil, false
		}
		// Nothing returns to the first byte of a section: what is in front of it
		// is the end of another one, or padding.
		for off := (residue - s.RegionOffset) % page; off <= s.Size; off += page {
			if off > 0 {
				places = append(places, InModule{s, off})
			}
		}
	}
	return places, true
}

// resized reports whether the kernel makes room in a section for jumps that it writes
// itself: on arm64 every module has such ones, behind its code.
func (s *Section) resized() bool {
	return strings.Contains(s.Name, "plt") || strings.Contains(s.Name, "trampoline")
}
