// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import "debug/elf"

// opd is the section of function descriptors of the first 64-bit PowerPC ABI. The
// symbols of functions are there. The first word of a descriptor is the address of the
// code.
type opd struct {
	section *Section
	data    *Data
	f       *File
}

// descriptors returns the file's function descriptors, or nil if it has none.
func (f *File) descriptors() (*opd, error) {
	s := f.Section(".opd")
	if s == nil || s.Type != elf.SHT_PROGBITS || f.AddrSize() != 8 {
		return nil, nil
	}
	d, err := f.contentsData(s)
	if err != nil {
		return nil, err
	}
	return &opd{section: s, data: d, f: f}, nil
}

// code returns where the function with the descriptor at off is.
func (o *opd) code(off uint64) (*Section, uint64, bool) {
	addr, st, err := o.data.Uint(off, 8)
	if err != nil || st == Unknown {
		return nil, 0, false
	}
	s, in := o.f.SectionAt(addr)
	return s, in, s != nil
}
