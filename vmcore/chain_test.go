// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
)

// structure makes objects of 64 bytes, and memory with the pointers between them. The
// pointers lead to the middle.
func structure(n int, pointers map[int][]int) (fakeSpace, []*Object) {
	s := make(fakeSpace)
	var objects []*Object
	for i := range n {
		o := &Object{Object: kmemleak.Object{Addr: uint64(i+1) * 0x1000, Size: 64, Jiffies: uint64(100 + i), Flags: flagAllocated}, Stack: []uint64{7}}
		for w := range uint64(8) {
			s[o.Addr+8*w] = 0
		}
		for w, to := range pointers[i] {
			s[o.Addr+8*uint64(w)] = uint64(to+1)*0x1000 + 24
		}
		objects = append(objects, o)
	}
	return s, objects
}

func TestRoots(t *testing.T) {
	long := make(map[int][]int)
	for i := range 5000 {
		long[i] = []int{i + 1}
	}
	ring := map[int][]int{0: {1, 999}, 999: {0, 998}}
	for i := 1; i < 999; i++ {
		ring[i] = []int{i + 1, i - 1}
	}
	all := make(map[int][]int)
	var many []string
	for i := range 100 {
		all[i+1] = []int{0}
		if i < MaxRoots {
			many = append(many, fmt.Sprintf("%d: 1 2 128", i+1))
		}
	}
	cases := []struct {
		name     string
		n        int
		pointers map[int][]int
		special  int // number of an object from another place; -1 for none
		of       int
		want     []string
	}{
		{"alone", 1, nil, -1, 0, []string{"0: 1 1 64"}},
		{"to itself", 1, map[int][]int{0: {0}}, -1, 0, []string{"0: 1 1 64"}},
		{"a chain", 4, map[int][]int{0: {1}, 1: {2}, 2: {3}}, -1, 2, []string{"0: 1 4 256"}},
		{"a long chain", 5001, long, -1, 5000, []string{"0: 1 5001 320064"}},
		{"a tree", 6, map[int][]int{0: {1, 2}, 1: {3, 4}}, -1, 4, []string{"0: 1 5 320"}},
		{"many roots", 101, all, -1, 0, many},
		{"two roots", 4, map[int][]int{0: {2}, 1: {2, 3}}, -1, 2, []string{"1: 1 3 192", "0: 1 2 128"}},
		{"a ring", 3, map[int][]int{0: {1}, 1: {2}, 2: {0}}, -1, 1, []string{"0: 3 3 192"}},
		{"a ring with a head", 1000, ring, 500, 3, []string{"500: 1000 1000 64000"}},
		{"a ring under a root", 5, map[int][]int{0: {1}, 1: {2}, 2: {1, 3}}, -1, 3, []string{"0: 1 4 256"}},
		{"a bystander", 3, map[int][]int{0: {1}, 2: nil}, -1, 2, []string{"2: 1 1 64"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, objects := structure(c.n, c.pointers)
			if c.special >= 0 {
				objects[c.special].Stack = []uint64{8}
			}
			g, err := newFake(s).newGraph(t.Context(), objects)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range g.roots()(g.find(objects[c.of].Addr + 63)) {
				got = append(got, fmt.Sprintf("%d: %d %d %d", r.Object.Addr/0x1000-1, r.Ring, r.Objects, r.Bytes))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestGraph has objects that are not, or not wholly, searched for pointers.
func TestGraph(t *testing.T) {
	cases := []struct {
		name   string
		change func(o *Object, s fakeSpace)
		want   bool
	}{
		{"whole", func(*Object, fakeSpace) {}, true},
		{"not scanned", func(o *Object, _ fakeSpace) { o.Flags |= flagNoScan }, false},
		{"an area with it", func(o *Object, _ fakeSpace) { o.Areas = []Range{{o.Addr + 8, 8}} }, true},
		{"an area without it", func(o *Object, _ fakeSpace) { o.Areas = []Range{{o.Addr + 16, 8}} }, false},
		{"an area without it, but scanned fully", func(o *Object, _ fakeSpace) {
			o.Areas, o.Flags = []Range{{o.Addr + 16, 8}}, o.Flags|flagFullScan
		}, true},
		{"an area that is not aligned", func(o *Object, _ fakeSpace) { o.Areas = []Range{{o.Addr + 1, 15}} }, true},
		{"behind the end", func(o *Object, s fakeSpace) { s[o.Addr+8] = 0x2000 + 64 }, false},
		{"the last byte", func(o *Object, s fakeSpace) { s[o.Addr+8] = 0x2000 + 63 }, true},
	}
	for _, c := range cases {
		s, objects := structure(2, nil)
		s[objects[0].Addr+8] = objects[1].Addr
		c.change(objects[0], s)
		g, err := newFake(s).newGraph(t.Context(), objects)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(g.to[0], 1); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestGraphWithoutPage has an object of which a page is missing: pointers behind it count,
// and the error names the object.
func TestGraphWithoutPage(t *testing.T) {
	space, objects := structure(3, nil)
	for at := uint64(0x100000); at < 0x103000; at += 8 {
		if at < 0x101000 || at >= 0x102000 {
			space[at] = 0
		}
	}
	space[0x100ff8], space[0x102008] = objects[1].Addr, objects[2].Addr
	big := &Object{Object: kmemleak.Object{Addr: 0x100000, Size: 0x3000, Flags: flagAllocated}}
	g, err := newFake(space).newGraph(t.Context(), append(objects, big))
	if !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "content of object 0x100000: virtual address 0x101000") {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([][]int32{nil, nil, nil, {1, 2}}, g.to); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// brokenSpace is memory that is there and cannot be read.
type brokenSpace struct{ fakeSpace }

func (brokenSpace) ReadAt(p []byte, addr uint64) error {
	if addr < 0x200000 {
		return &AbsentError{Addr: addr}
	}
	return ErrTruncated
}

// TestPieces has areas that cannot be read: that a page is damaged is told before that others
// are absent, and neither a huge area nor a search that was ended takes long.
func TestPieces(t *testing.T) {
	k := newFake(nil)
	k.mem = brokenSpace{}
	buffer := make([]byte, maxScanned)
	none := func(uint64, []byte) { t.Error("read") }
	if err := k.pieces(t.Context(), Range{0x1ff000, 0x3000}, buffer, none); !errors.Is(err, ErrTruncated) {
		t.Errorf("error %v", err)
	}
	if err := k.pieces(t.Context(), Range{0x200000, 1 << 42}, buffer, none); !errors.Is(err, ErrTruncated) {
		t.Errorf("a huge area: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k.mem = fakeSpace{}
	if err := k.pieces(ctx, Range{0x200000, 1 << 30}, buffer, none); !errors.Is(err, ErrAbsent) {
		t.Errorf("a search that was ended: %v", err)
	}
}
