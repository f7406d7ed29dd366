// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// numbered returns memory whose pages begin with their addresses.
func numbered(pages ...uint64) *dump {
	d := &dump{machine: 62, uname: "x86_64", block: smallestPage, pages: make(map[uint64][]byte)}
	for _, page := range pages {
		d.pages[page*smallestPage] = binary.LittleEndian.AppendUint64(nil, page*smallestPage)
		d.pages[page*smallestPage] = append(d.pages[page*smallestPage], make([]byte, smallestPage-8)...)
	}
	return d
}

// TestBitmap changes single bits of the bitmaps, by which pages are found. Each change would
// give later pages the contents of their neighbours.
func TestBitmap(t *testing.T) {
	d := numbered(0, 1, 2, 5, 8, 9, 1000, 1001, 1003, 5000)
	b := d.kdump(packings["plain"])
	const first, second = 2 * smallestPage, 3 * smallestPage // no notes
	for at := range 5001 {
		changed := bytes.Clone(b)
		changed[second+at/8] ^= 1 << (at % 8)
		_, err := openBytes(t, changed)
		if !errors.Is(err, ErrFormat) {
			t.Errorf("bit %d: %v", at, err)
		}
	}
	changed := bytes.Clone(b)
	changed[first] ^= 2
	if _, err := openBytes(t, changed); !errors.Is(err, ErrFormat) {
		t.Errorf("a page that is no memory: %v", err)
	}
}

// TestPages reads every page of a dump, and none that is not there.
func TestPages(t *testing.T) {
	want := []uint64{0, 1, 2, 63, 64, 511, 512, 513, 1023, 1024, 5000}
	m, err := openBytes(t, numbered(want...).kdump(packings["snappy"]))
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for page := range uint64(6000) {
		var b [8]byte
		err := m.ReadPhys(b[:], page*smallestPage)
		if err == nil && binary.LittleEndian.Uint64(b[:]) != page*smallestPage {
			t.Errorf("page %d is %x", page, b)
		}
		if err == nil {
			got = append(got, page)
		} else if !errors.Is(err, ErrAbsent) {
			t.Errorf("page %d: %v", page, err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	ranges := []Range{{0, 3}, {63, 2}, {511, 3}, {1023, 2}, {5000, 1}}
	for i := range ranges {
		ranges[i].Addr *= smallestPage
		ranges[i].Size *= smallestPage
	}
	if diff := cmp.Diff(ranges, slices.Collect(m.Ranges())); diff != "" {
		t.Errorf("ranges (-want +got)\n%s", diff)
	}
}

// TestSplit opens one file of a split dump: it has the bits of all pages, but descriptors of
// its own only.
func TestSplit(t *testing.T) {
	all := numbered(0, 1, 2, 5, 8, 9)
	b := all.kdump(packings["plain"])
	start := len(b) - 6*(descSize+smallestPage)
	// This file has pages 2 to 8.
	own := bytes.Clone(b[:start])
	binary.LittleEndian.PutUint32(own[smallestPage+12:], 1)
	binary.LittleEndian.PutUint64(own[smallestPage+80:], 2)
	binary.LittleEndian.PutUint64(own[smallestPage+88:], 9)
	own = append(own, b[start+2*descSize:start+5*descSize]...)
	for i := range 3 {
		at := start + i*descSize
		binary.LittleEndian.PutUint64(own[at:], uint64(start+3*descSize+i*smallestPage))
	}
	own = append(own, b[start+6*descSize+2*smallestPage:start+6*descSize+5*smallestPage]...)
	m, err := openBytes(t, own)
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	var mu sync.Mutex
	err = m.Scan(t.Context(), func(addr uint64, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		for at := range len(b) / smallestPage {
			got = append(got, addr/smallestPage+uint64(at))
		}
	})
	slices.Sort(got)
	if diff := cmp.Diff([]uint64{2, 5, 8}, got); diff != "" || !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "3 of its pages are in other files") {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for page, want := range map[uint64]bool{0: false, 2: true, 5: true, 8: true, 9: false} {
		var p [8]byte
		err := m.ReadPhys(p[:], page*smallestPage)
		if ok := err == nil && binary.LittleEndian.Uint64(p[:]) == page*smallestPage; ok != want || !ok && !errors.Is(err, ErrAbsent) {
			t.Errorf("page %d: %x, %v", page, p, err)
		}
	}
}

// TestNoPages has a part of a split dump, from page 1 on, of a machine without memory.
func TestNoPages(t *testing.T) {
	d := &dump{machine: 62, uname: "x86_64", block: 4096, pages: map[uint64][]byte{0: make([]byte, 4096)}}
	b := d.kdump(packings["zlib"])
	le := binary.LittleEndian
	le.PutUint32(b[kdumpHeader64+4*4:], 0)
	sub := b[4096:]
	le.PutUint64(sub[96:], 0)
	le.PutUint32(sub[12:], 1)
	le.PutUint64(sub[16:], 1)
	le.PutUint64(sub[80:], 1)
	if _, err := openBytes(t, b); !errors.Is(err, ErrFormat) {
		t.Error(err)
	}
}
