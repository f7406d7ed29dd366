// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import "encoding/binary"

const (
	x86Present = 1 << 0
	x86Large   = 1 << 7
	x86Mask    = 1<<52 - 1<<12 // the bits of an entry that are a physical address

	cr4PAE  = 1 << 5
	cr4LA57 = 1 << 12
)

// x86Table returns the page tables of x86_64, of 4 or 5 levels. Bits of encrypted are no part
// of addresses.
func x86Table(root uint64, five bool, encrypted uint64) *table {
	steps := []step{{48, 9, false}, {39, 9, false}, {30, 9, true}, {21, 9, true}, {12, 9, true}}
	if !five {
		steps = steps[1:]
	}
	top := steps[0].shift + steps[0].bits - 1
	return &table{
		root: root & x86Mask, order: binary.LittleEndian, size: 8, steps: steps,
		valid: func(addr uint64) bool { return uint64(int64(addr)>>top) == ^uint64(0) },
		next: func(entry uint64, s step) (uint64, bool, bool) {
			return x86Next(entry&^encrypted, s)
		},
	}
}

func x86Next(entry uint64, s step) (phys uint64, leaf, present bool) {
	if entry&x86Present == 0 {
		return 0, false, false
	}
	phys = entry & x86Mask
	if s.shift == 12 || s.leaves && entry&x86Large != 0 {
		return phys &^ (1<<s.shift - 1), true, true
	}
	return phys, false, true
}

// paeTable returns the page tables of i386 with PAE.
func paeTable(root uint64) *table {
	return &table{
		root: root &^ 31, order: binary.LittleEndian, size: 8,
		steps: []step{{30, 2, false}, {21, 9, true}, {12, 9, true}},
		valid: func(addr uint64) bool { return addr < 1<<32 },
		next:  x86Next,
	}
}

// i386Table returns the page tables of i386 without PAE.
func i386Table(root uint64) *table {
	return &table{
		root: root & 0xfffff000, order: binary.LittleEndian, size: 4,
		steps: []step{{22, 10, true}, {12, 10, true}},
		valid: func(addr uint64) bool { return addr < 1<<32 },
		next: func(entry uint64, s step) (uint64, bool, bool) {
			if s.shift == 22 && entry&(x86Present|x86Large) == x86Present|x86Large {
				// Bits 13 to 20 are 32 to 39 of the address (PSE-36).
				return entry&0xffc00000 | entry>>13&0xff<<32, true, true
			}
			return x86Next(entry, s)
		},
	}
}
