// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
)

// TestWays has objects that can be reached on several ways.
func TestWays(t *testing.T) {
	g := &graph{to: [][]int32{0: {1}, 1: {2}, 2: {3}, 3: {0}, 4: {3}, 5: nil}}
	got := g.ways(map[int32]place{0: {1, 1}, 4: {1, 1}})
	want := map[int32]way{0: {0, 1}, 1: {0, 2}, 2: {0, 3}, 3: {4, 2}, 4: {4, 1}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(way{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestVariables has what kmemleak scans beside objects.
func TestVariables(t *testing.T) {
	object := func(addr uint64, change func(o *Object)) Object {
		o := Object{Object: kmemleak.Object{Addr: addr, Size: 64, Flags: flagAllocated}}
		change(&o)
		return o
	}
	k := newFake(nil)
	k.lo, k.hi = 0x1000, 0x9000
	a := &atlas{
		k: k, stacks: true,
		objects: []Object{
			object(0x1000, func(*Object) {}),
			object(0x2000, func(o *Object) { o.Flags |= flagNoScan }),
			object(0x3000, func(o *Object) { o.MinCount = -1 }),
			object(0x4000, func(o *Object) { o.Areas = []Range{{0x4010, 8}} }),
			object(0x5000, func(o *Object) { o.Areas, o.Flags = []Range{{0x5010, 8}}, o.Flags|flagFullScan }),
			object(0xa000, func(*Object) {}), // behind the image
			object(0x20000, func(*Object) {}),
		},
		byAddr:     []int{0, 1, 2, 3, 4, 5, 6},
		modules:    []*module{{parts: []modulePart{{base: 0x20000, size: 0x1000}}, perCPU: Range{0x500, 16}}},
		cpuOffsets: []uint64{0x100000, 0x200000},
		static:     Range{0x100, 0x40},
		threads: []Task{
			{PID: 1, Stack: Range{0x50000, 0x4000}, SP: 0x53f00},
			{PID: 2, Stack: Range{0x60000, 0x4000}}, // it runs
			{PID: 4},
			{PID: 5, Stack: Range{0x80000, 0x4000}}, // ours
		},
	}
	s := &search{k: k, a: a, own: own{threads: map[int]bool{5: true}}}
	want := []Range{
		{0x1000, 64}, {0x4010, 8}, {0x5000, 64}, {0x20000, 64},
		{0x100100, 0x40}, {0x100500, 16}, {0x200100, 0x40}, {0x200500, 16},
		{0x53f00, 0x100}, {0x60000, 0x4000},
	}
	if diff := cmp.Diff(want, s.variables()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	a.stacks = false
	if diff := cmp.Diff(want[:8], s.variables()); diff != "" {
		t.Errorf("without stacks (-want +got)\n%s", diff)
	}
}

// TestHeldAlone has pointers in memory of which a page is missing.
func TestHeldAlone(t *testing.T) {
	space, objects := structure(3, nil)
	for at := uint64(0x100000); at < 0x103000; at += 8 {
		if at < 0x101000 || at >= 0x102000 {
			space[at] = 0
		}
	}
	space[0x100ff8], space[0x102000] = objects[1].Addr+63, objects[2].Addr
	k := newFake(space)
	g, err := k.newGraph(t.Context(), objects)
	if err != nil {
		t.Fatal(err)
	}
	s := &search{k: k, a: &atlas{k: k, stacks: true, threads: []Task{{PID: 1, Stack: Range{0x100000, 0x3000}}}}}
	got, err := s.heldAlone(t.Context(), g, []int32{2, 1})
	if err != nil {
		t.Error(err)
	}
	want := map[int32]place{1: {0x100ff8, objects[1].Addr + 63}, 2: {0x102000, objects[2].Addr}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestFollow has objects that only other objects point to: from the stack of a thread, one
// way leads to the second and the third, and none to the last.
func TestFollow(t *testing.T) {
	space, objects := structure(5, map[int][]int{0: {1}, 1: {2}, 3: {4}})
	const stack = 0x100000
	for at := uint64(stack); at < stack+0x4000; at += 8 {
		space[at] = 0
	}
	space[stack+0x100] = objects[3].Addr // left over from calls that have returned
	space[stack+0x3f08] = objects[0].Addr + 8
	k := newFake(space)
	a := &atlas{k: k, types: guesser{k: k}, stacks: true, threads: []Task{{PID: 7, Stack: Range{stack, 0x4000}, SP: stack + 0x3f00}}, tasks: []int{0}}
	for i, o := range objects {
		a.objects, a.byAddr = append(a.objects, *o), append(a.byAddr, i)
	}
	byObject, byStack := Ref{Holder: Holder{Kind: HolderObject, Scanned: true}}, Ref{Holder: Holder{Kind: HolderStack, Scanned: true}}
	for _, c := range []struct {
		name   string
		object int
		change func(r *Referrers)
		want   int // length of the path
	}{
		{"behind one", 1, func(*Referrers) {}, 2},
		{"behind two", 2, func(*Referrers) {}, 3},
		{"nothing holds the first", 4, func(*Referrers) {}, 0},
		{"reported", 2, func(r *Referrers) { r.Object.Reported = true }, 0},
		{"not all references are known", 2, func(r *Referrers) { r.More = 1 }, 0},
		{"held by something else, too", 2, func(r *Referrers) { r.Refs = append(r.Refs, byStack) }, 0},
		{"that has changed", 2, func(r *Referrers) { r.Refs = append(r.Refs, byStack); r.Refs[1].Changed = true }, 3},
		{"nothing points to it", 2, func(r *Referrers) { r.Refs = nil }, 0},
	} {
		o := objects[c.object]
		found := Referrers{Object: *o, Refs: []Ref{byObject}}
		c.change(&found)
		asked := &target{addr: o.Addr, size: o.Size, found: found}
		s := &search{k: k, a: a, targets: []*target{asked}}
		if err := s.follow(t.Context()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		got := asked.found.Held
		switch {
		case got == nil && c.want == 0:
		case got == nil || got.Length != c.want:
			t.Errorf("%s: %+v, want %d objects", c.name, got, c.want)
		case got.Ref.Addr != stack+0x3f08 || got.Ref.Target != objects[0].Addr || got.Ref.Offset != 8 || got.Ref.Holder.Task.PID != 7:
			t.Errorf("%s: held by %+v", c.name, got.Ref)
		}
	}
}
