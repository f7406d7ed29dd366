// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
)

// TestPossible has offsets of kernels whose number of processors is a constant.
func TestPossible(t *testing.T) {
	for _, c := range []struct {
		name      string
		all, want []uint64
	}{
		{"none", nil, nil},
		{"one", []uint64{7}, []uint64{7}},
		{"one, at 0", []uint64{0}, []uint64{0}},
		{"all", []uint64{1, 2, 3}, []uint64{1, 2, 3}},
		{"the rest are 0", []uint64{1, 2, 0, 0}, []uint64{1, 2}},
		{"one of the rest", []uint64{1, 2, 9}, []uint64{1, 2, 9}}, // nothing tells
		{"the rest have what all begin with", []uint64{1, 2, 9, 9, 9}, []uint64{1, 2}},
	} {
		if diff := cmp.Diff(c.want, possible(c.all)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
}

// TestDropOverlaps has objects of which one reaches into the next.
func TestDropOverlaps(t *testing.T) {
	a := &atlas{byAddr: []int{0, 1, 2, 3}}
	for _, o := range []Range{{0x1000, 64}, {0x1040, 0x1000}, {0x2000, 0}, {0x2000, 64}} {
		a.objects = append(a.objects, Object{Object: kmemleak.Object{Addr: o.Addr, Size: o.Size}, Meta: o.Addr + 1})
	}
	err := a.dropOverlaps()
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "object 0x1040 (record at 0x1041)") || strings.Count(err.Error(), "reach into") != 1 {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff([]int{0, 2, 3}, a.byAddr); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for addr, want := range map[uint64]uint64{0x103f: 0x1000, 0x1041: 0, 0x2000: 0x2000} {
		got := uint64(0)
		if o := a.find(a.byAddr, addr); o != nil {
			got = o.Addr
		}
		if got != want {
			t.Errorf("%#x is in %#x, want %#x", addr, got, want)
		}
	}
}

func TestScannedIn(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Object
		want bool
	}{
		{"whole", Object{}, true},
		{"not scanned", Object{Object: kmemleak.Object{Flags: flagNoScan}}, false},
		{"leaked", Object{Reported: true}, false},
		{"ignored", Object{Object: kmemleak.Object{MinCount: -1}}, false},
		{"an area with it", Object{Areas: []Range{{0x1000, 8}, {0x1010, 8}}}, true},
		{"an area without it", Object{Areas: []Range{{0x1000, 8}}}, false},
		{"an area without it, but scanned fully", Object{Object: kmemleak.Object{Flags: flagFullScan}, Areas: []Range{{0x1000, 8}}}, true},
	} {
		c.o.Addr, c.o.Size = 0x1000, 64
		if got := scannedIn(&c.o, 0x1010); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestHolderString(t *testing.T) {
	o := &Object{Object: kmemleak.Object{Addr: 0x1000, Size: 64}}
	for want, h := range map[string]Holder{
		"memory that kmemleak does not track":                                         {},
		"data in the kernel":                                                          {Kind: HolderVariable},
		"x.y in [m] .bss":                                                             {Kind: HolderVariable, Variable: "x.y", Module: "m", Section: ".bss"},
		"here in the kernel .data..percpu, CPU 3":                                     {Kind: HolderPerCPU, Variable: "here", Section: ".data..percpu", CPU: 3},
		`stack of "a\x1b" (pid 7)`:                                                    {Kind: HolderStack, Task: &Task{PID: 7, Comm: "a\x1b"}},
		`stack of "a" (pid 7), near the frame of f`:                                   {Kind: HolderStack, Task: &Task{PID: 7, Comm: "a"}, Frame: kmemleak.Frame{Func: "f"}},
		`stack of "a" (pid 7), left over from calls that have returned`:               {Kind: HolderStack, Task: &Task{PID: 7, Comm: "a"}, Stale: true},
		"object 0x1000 of 64 bytes, offset 8, allocated by unknown code":              {Kind: HolderObject, Object: o, Offset: 8},
		"leaked object 0x1000 of 64 bytes, offset 0, allocated by unknown code":       {Kind: HolderObject, Object: &Object{Object: o.Object, Reported: true}},
		"object 0x1000 of 64 bytes, offset 8, allocated by unknown code, perhaps s.f": {Kind: HolderObject, Object: o, Offset: 8, Field: "s.f"},
	} {
		if got := h.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
