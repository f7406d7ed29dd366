// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"encoding/binary"
	"slices"
)

// filter finds words that may point into some ranges. Nearly all words of a memory do not,
// so it asks the cheapest question first: eight words at a time are compared with the
// bounds of all ranges, then a bitmap tells whether the block that a word points to has any
// of a range. What passes must be looked up.
type filter struct {
	first, most uint64 // the first byte of all ranges, and how far it is to the last
	shift       uint   // of an address, to get the number of its block
	unused      uint   // bits of a hash that are not its place in the bitmap
	bits        []uint64
}

const (
	filterLeast = 6       // log2 of the fewest bits in the bitmap
	filterMost  = 22      // and of the most: 512 KiB, which a processor has near
	filterFill  = 4       // log2 of the bits for each block
	filterBlock = 12      // log2 of the smallest block, in bytes
	filterFew   = 1 << 15 // blocks that are never too many
	filterMix   = 0x9e3779b97f4a7c15
)

// newFilter returns the filter for ranges, which may overlap.
func newFilter(ranges []Range) *filter {
	ranges = slices.DeleteFunc(slices.Clone(ranges), func(r Range) bool { return r.Size == 0 })
	f := &filter{}
	if len(ranges) == 0 {
		return f
	}
	first, last := ^uint64(0), uint64(0)
	for _, r := range ranges {
		first, last = min(first, r.Addr), max(last, r.Addr+r.Size-1)
	}
	f.first, f.most = first, last-first
	// The blocks are so large that the bitmap does not fill up.
	blocks := func(shift uint) (n uint64) {
		for _, r := range ranges {
			n += (r.Addr+r.Size-1)>>shift - r.Addr>>shift + 1
		}
		return n
	}
	f.shift = filterBlock
	for f.shift < 63 && blocks(f.shift) > filterFew && blocks(f.shift) > 2*uint64(len(ranges)) {
		f.shift++
	}
	size := uint(filterLeast)
	for size < filterMost && blocks(f.shift) > 1<<(size-filterFill) {
		size++
	}
	f.unused = 64 - size
	f.bits = make([]uint64, 1<<size/64)
	for _, r := range ranges {
		for block := r.Addr >> f.shift; block <= (r.Addr+r.Size-1)>>f.shift; block++ {
			h := block * filterMix >> f.unused
			f.bits[h/64] |= 1 << (h % 64)
		}
	}
	return f
}

// each calls fn with the words of b that may point into one of the ranges, and where in b
// they are. Only whole words count.
func (f *filter) each(b []byte, fn func(at int, value uint64)) {
	if f.bits == nil {
		return
	}
	const step = 64
	le := binary.LittleEndian
	first, most := f.first, f.most
	at := 0
	for ; len(b)-at >= step; at += step {
		w := (*[step]byte)(b[at:])
		if le.Uint64(w[0:])-first <= most || le.Uint64(w[8:])-first <= most ||
			le.Uint64(w[16:])-first <= most || le.Uint64(w[24:])-first <= most ||
			le.Uint64(w[32:])-first <= most || le.Uint64(w[40:])-first <= most ||
			le.Uint64(w[48:])-first <= most || le.Uint64(w[56:])-first <= most {
			f.words(w[:], at, fn)
		}
	}
	f.words(b[at:], at, fn)
}

// words is each for a few words.
func (f *filter) words(b []byte, at int, fn func(at int, value uint64)) {
	for ; len(b) >= 8; b, at = b[8:], at+8 {
		v := binary.LittleEndian.Uint64(b)
		if v-f.first > f.most {
			continue
		}
		if h := v >> f.shift * filterMix >> f.unused; f.bits[h/64]>>(h%64)&1 != 0 {
			fn(at, v)
		}
	}
}
