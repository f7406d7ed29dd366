// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"testing"
)

// TestZeros reads zeros of a live kernel: they count only where the kernel maps the memory.
func TestZeros(t *testing.T) {
	const start, size = uint64(0xffff_8880_0000_0000), 8 * smallestPage
	raw := make([]byte, size)
	raw[3*smallestPage] = 1
	entries := []uint64{4: 0, 5: 5<<12 | 1, 6: 6<<12 | 1, 7: 7<<12 | 1}
	put := func(at, v uint64) {
		for i := range uint64(8) {
			raw[at+i] = byte(v >> (8 * i))
		}
	}
	// The tables are in pages 4 to 7 themselves.
	put(4*smallestPage+0x888, 5<<12|1)
	put(5*smallestPage, 6<<12|1)
	put(6*smallestPage, 7<<12|1)
	for page, entry := range entries {
		put(7*smallestPage+8*uint64(page), entry)
	}
	put(7*smallestPage+8*1, 1<<12|1) // page 1 is mapped, pages 0, 2 and 3 are not
	core := &elfCore{
		file: &file{raw: raw, size: int64(size)},
		phys: []segment{{virt: start, phys: 0, size: size, filed: size}},
	}
	k := &kcore{core: core}
	k.table.Store(x86Table(4*smallestPage, false, 0))
	for page, want := range []bool{false, true, false, true} {
		for _, at := range []uint64{0, 8, 2048} {
			p := make([]byte, 8)
			err := k.read(p, uint64(page)*smallestPage+at)
			got := err == nil
			if page == 3 {
				want = at == 0 // what is no zero was there
			}
			if got != want || !got && !errors.Is(err, ErrAbsent) {
				t.Errorf("page %d at %d: %v", page, at, err)
			}
		}
	}
	if err := k.load(make([]byte, 2*smallestPage), smallestPage); !errors.Is(err, ErrAbsent) {
		t.Errorf("two pages of which one is mapped: %v", err)
	}
	k.table.Store(nil)
	if err := k.read(make([]byte, 8), 0); err != nil {
		t.Errorf("without page tables: %v", err)
	}
}
