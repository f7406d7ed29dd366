// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
)

// TestPlausible has objects that were reported, and may have been or not.
func TestPlausible(t *testing.T) {
	l := &objectLayout{minAge: 1250, lastScan: 5000, long: 64}
	wrapped := &objectLayout{minAge: 1250, lastScan: 1500, long: 32}
	reported := func(jiffies uint64, change func(o *Object)) *Object {
		o := &Object{Object: kmemleak.Object{MinCount: 1, Jiffies: jiffies, Flags: flagAllocated | flagReported}}
		change(o)
		return o
	}
	none := func(*Object) {}
	for _, c := range []struct {
		name string
		l    *objectLayout
		o    *Object
		ok   bool
	}{
		{"old enough", l, reported(3750, none), true},
		{"too young", l, reported(3751, none), false},
		{"too young, not reported", l, reported(3751, func(o *Object) { o.Flags = flagAllocated }), true},
		{"too young, freed", l, reported(3751, func(o *Object) { o.Flags = flagReported }), true},
		{"too young, referenced now", l, reported(3751, func(o *Object) { o.Count = 1 }), true},
		{"before the counter was 0", wrapped, reported(1<<32-1, none), true},
		{"behind the last scan", wrapped, reported(1<<31, none), false},
	} {
		if err := c.l.plausible(c.o); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestReadAreas has lists of the parts of an object that are scanned.
func TestReadAreas(t *testing.T) {
	number := func(off uint64) field { return field{off: off, size: 8, ok: true} }
	l := &objectLayout{areaNode: number(0), areaStart: number(8), areaSize: number(16), areaBytes: 24}
	for _, c := range []struct {
		name   string
		memory fakeSpace
		flags  uint32
		want   []Range
		err    error
	}{
		{"two", fakeSpace{0x100: 0x200, 0x108: 0x1008, 0x110: 8, 0x200: 0, 0x208: 0x1038, 0x210: 8}, 0, []Range{{0x1008, 8}, {0x1038, 8}}, nil},
		{"all of it", nil, flagFullScan, nil, nil},
		{"behind the object", fakeSpace{0x100: 0, 0x108: 0x1038, 0x110: 9}, 0, nil, ErrDamaged},
		{"in front of the object", fakeSpace{0x100: 0, 0x108: 0xff8, 0x110: 8}, 0, nil, ErrDamaged},
		{"missing", fakeSpace{0x100: 0x200, 0x108: 0x1008, 0x110: 8}, 0, []Range{{0x1008, 8}}, ErrAbsent},
	} {
		o := &Object{Object: kmemleak.Object{Addr: 0x1000, Size: 64, Flags: c.flags}, areas: 0x100}
		err := newFake(c.memory).readAreas(l, o)
		if diff := cmp.Diff(c.want, o.Areas); diff != "" || !errors.Is(err, c.err) {
			t.Errorf("%s: %v (-want +got)\n%s", c.name, err, diff)
		}
	}
	ring := fakeSpace{0x100: 0x100, 0x108: 0x1008, 0x110: 8}
	o := &Object{Object: kmemleak.Object{Addr: 0x1000, Size: 64}, areas: 0x100}
	if err := newFake(ring).readAreas(l, o); !errors.Is(err, ErrDamaged) || len(o.Areas) != maxAreas {
		t.Errorf("a ring: %d areas, %v", len(o.Areas), err)
	}
}
