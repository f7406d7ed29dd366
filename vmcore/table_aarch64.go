// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import "encoding/binary"

const (
	armValid = 1 << 0
	armNext  = 1 << 1 // in the last level: a page
)

// aarch64Table returns the page tables of arm64 for the kernel's half of the addresses, which
// has addrBits bits, at most 48. Pages have 4, 16 or 64 KiB: pageShift is 12, 14 or 16.
func aarch64Table(root uint64, pageShift, addrBits uint) *table {
	per := pageShift - 3
	var steps []step
	for shift := pageShift; shift < addrBits; shift += per {
		// Blocks of 4 KiB pages are in levels 1 and 2, of larger ones in level 2.
		leaves := shift <= pageShift+per || pageShift == 12 && shift <= pageShift+2*per
		steps = append([]step{{shift, min(per, addrBits-shift), leaves}}, steps...)
	}
	page := uint64(1) << pageShift
	mask := (uint64(1)<<48 - 1) &^ (page - 1)
	return &table{
		root: root & mask, order: binary.LittleEndian, size: 8, steps: steps,
		valid: func(addr uint64) bool { return ^addr>>addrBits == 0 },
		next: func(entry uint64, s step) (phys uint64, leaf, present bool) {
			if entry&armValid == 0 {
				return 0, false, false
			}
			phys = entry & mask
			if pageShift == 16 {
				phys |= entry >> 12 & 15 << 48 // of addresses of 52 bits
			}
			switch {
			case s.shift == pageShift:
				return phys, true, entry&armNext != 0
			case entry&armNext != 0:
				return phys, false, true
			}
			return phys &^ (1<<s.shift - 1), true, s.leaves
		},
	}
}
