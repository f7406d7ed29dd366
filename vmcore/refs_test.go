// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/kmemleak/kmemleak"
)

// TestMemoryRefs has objects in each of the places where a pointer can hide a leak.
func TestMemoryRefs(t *testing.T) { openMemory(t).checkRefs(t) }

func (d dumped) checkRefs(t *testing.T) {
	t.Helper()
	objects, err := d.kernel.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	labelled := d.labelled(t, objects)
	cases := []struct {
		label  string
		holder string // one of the holders
		offset uint64
	}{
		{"global", `^held_global in \[held\] \.data$`, 0},
		{"bss", `^held_state\.inner\.object in \[held\] \.bss$`, 0},
		{"percpu", `^held_here in \[held\] \.data\.\.percpu, CPU [01]$`, 0},
		{"stack", `^stack of "held_keeper" \(pid \d+\), near the frame of hold_on_stack$`, 0},
		{"owner", `^held_owner in \[held\] \.bss$`, 0},
		{"field", `^object 0x[0-9a-f]+ of 128 bytes, offset 104, allocated by labelled$`, 0},
		{"middle", `^held_middle in \[held\] \.bss$`, 350},
		{"list", `^(\w+\.next|reboot_notifier_list\.head) in the kernel \.data$`, 0}, // behind another one, or alone
		{"queue", `^(leaked )?object 0x[0-9a-f]+ of 64 bytes, offset 8, allocated by lose_queue, perhaps struct node\.link\.next$`, 0},
		{"node", `^(leaked )?object 0x[0-9a-f]+ of \d+ bytes, offset \d+, allocated by lose_queue, perhaps struct (node\.link|queue\.nodes)\.(next|prev)$`, 8},
	}
	var addrs []uint64
	for _, c := range cases {
		o := labelled[c.label]
		if o == nil {
			t.Fatalf("no object %q", c.label)
		}
		addrs = append(addrs, o.Addr+c.offset) // an address inside of it will do
	}
	found, err := d.kernel.Refs(t.Context(), addrs...)
	if err != nil {
		t.Error(err)
	}
	if len(found) != len(cases) {
		t.Fatalf("%d answers to %d questions", len(found), len(cases))
	}
	for i, c := range cases {
		r := found[i]
		if r.Object.Addr != labelled[c.label].Addr {
			t.Errorf("%s: object %#x, want %#x", c.label, r.Object.Addr, labelled[c.label].Addr)
		}
		pattern := regexp.MustCompile(c.holder)
		if !slices.ContainsFunc(r.Refs, func(x Ref) bool {
			leaked := x.Holder.Kind == HolderObject && x.Holder.Object.Reported
			return x.Holder.Scanned == !leaked && !x.Changed && x.Offset == c.offset && x.Value == r.Object.Addr+c.offset && pattern.MatchString(x.Holder.String())
		}) {
			t.Errorf("%s: nothing like %s and %d bytes inside in", c.label, c.holder, c.offset)
			for _, x := range r.Refs {
				t.Logf("%#x: %v, %d bytes inside, scanned %v", x.Addr, x.Holder, x.Offset, x.Holder.Scanned)
			}
		}
	}
	// What the kernel itself counted it found here, too.
	for i, c := range cases {
		if r := found[i]; r.Object.Count > 0 && !slices.ContainsFunc(r.Refs, func(x Ref) bool { return x.Holder.Scanned }) {
			t.Errorf("%s: the kernel counted %d references", c.label, r.Object.Count)
		}
	}
}

// TestRefsEnded has a search that was ended: that is the answer, and never that nothing was
// found.
func TestRefsEnded(t *testing.T) {
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	k := newFake(nil)
	k.broken.Store(true) // so that nothing is read
	if found, err := k.Refs(ctx, 0x1000); found != nil || !errors.Is(err, cause) {
		t.Errorf("%v, %v", found, err)
	}
}

// TestUnexplained has objects that kmemleak found references to.
func TestUnexplained(t *testing.T) {
	scanned := Ref{Holder: Holder{Kind: HolderVariable, Scanned: true}}
	changed := scanned
	changed.Changed = true
	for _, tt := range []struct {
		name        string
		count, more int
		refs        []Ref
		want        bool
	}{
		{"found", 1, 0, []Ref{{}, scanned}, false},
		{"none", 1, 0, nil, true},
		{"where kmemleak does not look", 1, 0, []Ref{{}}, true},
		{"changed", 1, 0, []Ref{changed}, true},
		{"left out", 1, 1, nil, false},
		{"too few counted", 0, 0, nil, false},
		{"not scanned yet", -1, 0, nil, false},
	} {
		r := Referrers{Object: Object{Object: kmemleak.Object{MinCount: 1, Count: tt.count}}, Refs: tt.refs, More: tt.more}
		if got := r.Unexplained(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		if r.Object.MinCount = 0; r.Unexplained() {
			t.Errorf("%s: an object that needs no references", tt.name)
		}
	}
}

// TestMemoryRefsEnded ends a search when all memory was searched, and the places are next.
func TestMemoryRefsEnded(t *testing.T) {
	k := openMemory(t).kernel
	ctx, cancel := context.WithCancel(t.Context())
	k.Progress = func(done, total uint64) {
		if done == total {
			cancel()
		}
	}
	if found, err := k.RefsWhere(ctx, func(o *Object) bool { return o.Reported }); found != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%d, %v", len(found), err)
	}
}

// TestMemoryHeld has an object that only another object points to: what holds that is named.
func TestMemoryHeld(t *testing.T) {
	d := openMemory(t)
	objects, err := d.kernel.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	labelled := d.labelled(t, objects)
	found, err := d.kernel.Refs(t.Context(), labelled["field"].Addr, labelled["global"].Addr)
	if err != nil || len(found) != 2 {
		t.Fatal(found, err)
	}
	p := found[0].Held
	if p == nil {
		t.Fatal("nothing holds it")
	}
	if got := p.Ref.Holder.String(); got != "held_owner in [held] .bss" || p.Length != 2 || p.Ref.Target != labelled["owner"].Addr {
		t.Errorf("%s, %d objects, to %#x", got, p.Length, p.Ref.Target)
	}
	if found[1].Held != nil {
		t.Errorf("a variable points to it: %+v", found[1].Held)
	}
}

// TestMemoryRoots has a leaked list: it begins with its head, whichever node is asked for.
func TestMemoryRoots(t *testing.T) { openMemory(t).checkRoots(t) }

func (d dumped) checkRoots(t *testing.T) {
	t.Helper()
	objects, err := d.kernel.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	labelled := d.labelled(t, objects)
	if !labelled["queue"].Reported {
		t.Fatal("stale pointers hide all of the lists in this boot")
	}
	found, err := d.kernel.Refs(t.Context(), labelled["node"].Addr, labelled["queue"].Addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		if len(r.Roots) != 1 {
			t.Fatalf("%v", r.Roots)
		}
		got := r.Roots[0]
		if got.Object.Addr != labelled["queue"].Addr || got.Ring != 1001 || got.Objects != 1001 || got.Bytes != 32+64*1000 {
			t.Errorf("%v", got)
		}
	}
}

// TestMemoryNoTarget asks for addresses at which there is nothing.
func TestMemoryNoTarget(t *testing.T) {
	d := openMemory(t)
	// Not a constant: the guest had this program in its memory.
	found, err := d.kernel.Refs(t.Context(), 0x1234<<48|rand.Uint64()>>16)
	if err != nil || len(found) != 1 || found[0].Object.Size != 0 || len(found[0].Refs) != 0 {
		t.Errorf("%v, %v", found, err)
	}
	found, err = d.kernel.Refs(t.Context())
	if err != nil || len(found) != 0 {
		t.Errorf("%v, %v", found, err)
	}
}
