// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

var seedsFlag = flag.Uint64("seeds", 20, "`number` of damaged dumps of each kind for TestMemoryDamaged")

// damage is what is tested with damaged dumps.
type damage struct {
	dumped
	whole  []byte            // the dump, in memory of our own
	small  []byte            // the pages of it that are looked at
	packed []byte            // the same, packed: each page has a checksum
	leaks  map[uint64]Object // by address
	all    []Object
	global *Object // that the variable held_global points to
}

// newDamage cuts a small dump out of the real one.
func newDamage(t *testing.T) *damage {
	t.Helper()
	folder := need.Memory(t)
	name := filepath.Join(folder, "core")
	image, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	core, ok := image.memory.(*elfCore)
	if !ok {
		t.Fatalf("%s is no ELF core", name)
	}
	r := &recorder{memory: core, page: smallestPage, seen: make(map[uint64]bool)}
	image.memory = r
	if image.table != nil {
		image.table.seen = nil // what was found before would not be read
		image.table.remember()
	}
	kernel := os.Getenv("KMEMLEAK_KERNEL")
	d := &damage{dumped: newDumped(t, image, filepath.Join(os.Getenv("KMEMLEAK_IMAGE"), "vmlinux"), filepath.Join(folder, "report"),
		"../testdata/modules/held/"+kernel, "../testdata/modules/leaky/"+kernel), leaks: make(map[uint64]Object)}
	objects, err := d.kernel.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.all = objects
	for _, o := range objects {
		if o.Reported {
			d.leaks[o.Addr] = o
		}
	}
	d.global = d.labelled(t, objects)["global"]
	if leaks, err := d.kernel.Leaks(t.Context()); err != nil || len(leaks) != len(d.report) {
		t.Fatalf("%d leaks, %v", len(leaks), err)
	}
	found, err := d.kernel.Refs(t.Context(), d.asked()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range found {
		for _, x := range r.Refs {
			if err := d.image.ReadAt(make([]byte, 8), x.Addr); err != nil {
				t.Fatal(err)
			}
		}
	}
	pages := &dump{machine: uint16(core.arch), uname: map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[d.image.Info().GOARCH],
		block: smallestPage, notes: rawNotes(core.notes), pages: make(map[uint64][]byte)}
	for addr := range r.seen {
		page := make([]byte, smallestPage)
		if err := core.read(page, addr); err == nil {
			pages.pages[addr] = page
		}
	}
	d.small, d.packed = pages.elf(), pages.kdump(packings["zlib"])
	d.whole, err = unix.Mmap(int(core.file.f.Fd()), 0, int(core.file.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(d.whole) })
	image.memory = core
	t.Logf("%d pages, %d bytes, %d packed", len(pages.pages), len(d.small), len(d.packed))
	return d
}

// asked returns addresses to search for.
func (d *damage) asked() []uint64 {
	return []uint64{d.global.Addr, slices.Min(slices.Collect(maps.Keys(d.leaks)))}
}

// open opens a damaged dump with the files that are known already.
func (d *damage) open(t *testing.T, b []byte) (*Kernel, error) {
	image, err := openBytes(t, b)
	if err != nil {
		return nil, err
	}
	old := d.kernel
	if id := image.Info().BuildID; id != "" && id != old.file.BuildID() {
		return nil, ErrContradicted
	}
	err = image.Relocate(func(name string) (uint64, bool) {
		v, _, ok := old.file.Value(name)
		return v, ok
	})
	if err != nil {
		return nil, err
	}
	k := &Kernel{
		mem: newLinearSpace(image, old.file), finder: old.finder, file: old.file, debug: old.debug, types: old.types,
		slide: image.Info().Offset, order: old.order, word: old.word, frames: make(map[uint64]kmemleak.Frame),
	}
	return k, k.guard(k.check)
}

// at returns where the small dump has what is at an address.
func (d *damage) at(t *testing.T, addr uint64) int {
	phys, err := d.image.Translate(addr)
	if err != nil {
		t.Fatal(err)
	}
	small, err := openBytes(t, d.small)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := findPhys(small.memory.(*elfCore).phys, phys)
	if !ok {
		t.Fatalf("%#x was not looked at", addr)
	}
	return int(s.offset) + int(phys-s.phys)
}

// edit changes bytes, and returns what undoes that.
func edit(b []byte, random *rand.Rand, n int, place func() int) (places []int, undo func()) {
	old := make(map[int]byte)
	for range n {
		at := place()
		if _, ok := old[at]; !ok {
			old[at] = b[at]
		}
		b[at] ^= byte(1 + random.IntN(255))
	}
	return slices.Sorted(maps.Keys(old)), func() {
		for at, x := range old {
			b[at] = x
		}
	}
}

// outcome is what came of damage.
type outcome struct{ refused, doubted, complete int }

// check reads a damaged dump. Nothing is said that is not so, except that what excused
// accepts may differ, and if something is missing there is an error.
func (d *damage) check(t *testing.T, what string, b []byte, excused func(l kmemleak.Leak) bool, out *outcome) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	k, err := d.open(t, b)
	if err != nil {
		out.refused++
		return
	}
	leaks, err := k.Leaks(ctx)
	d.compare(t, what, leaks, err, excused)
	found, refsErr := k.Refs(ctx, d.asked()...)
	if ctx.Err() != nil {
		t.Errorf("%s: it takes too long", what)
	}
	if excused(kmemleak.Leak{Addr: d.global.Addr}) {
		refsErr = errors.Join(refsErr, errors.New("excused"))
	}
	if refsErr == nil && (len(found) != 2 || !slices.ContainsFunc(found[0].Refs, func(r Ref) bool { return strings.HasPrefix(r.Holder.String(), "held_global in [held]") })) {
		t.Errorf("%s: held_global holds an object, and is not found: %+v", what, found)
	}
	if err != nil || refsErr != nil {
		out.doubted++
	} else {
		out.complete++
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<30 {
		t.Errorf("%s: %d bytes of memory", what, n)
	}
}

// compare compares leaks with those that the kernel reported.
func (d *damage) compare(t *testing.T, what string, leaks []kmemleak.Leak, err error, excused func(l kmemleak.Leak) bool) {
	t.Helper()
	missing := make(map[uint64]bool)
	for addr := range d.leaks {
		missing[addr] = true
	}
	want := make(map[uint64]kmemleak.Leak)
	for _, l := range d.report {
		want[l.Addr] = l
	}
	for _, got := range leaks {
		delete(missing, got.Addr)
		truth, ok := want[got.Addr]
		if excused(got) {
			continue
		}
		if !ok {
			t.Errorf("%s: no such leak: %v (%v)", what, got, err)
			continue
		}
		ignored := cmp.Options{}
		if err != nil {
			// What could not be read is said.
			if got.Data == nil {
				ignored = append(ignored, cmpopts.IgnoreFields(got, "Data"))
			}
			if got.Backtrace == nil || slices.ContainsFunc(got.Backtrace, func(f kmemleak.Frame) bool { return f.Func == "" }) {
				ignored = append(ignored, cmpopts.IgnoreFields(got, "Backtrace"))
			}
			if got.Age == 0 {
				ignored = append(ignored, cmpopts.IgnoreFields(got, "Age"))
			}
		}
		if reflect.DeepEqual(truth, got) {
			continue // much faster
		}
		if diff := cmp.Diff(truth, got, ignored); diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", what, err, diff)
		}
	}
	if err != nil {
		return
	}
	for addr := range missing {
		if l := (kmemleak.Leak{Addr: addr}); !excused(l) {
			t.Errorf("%s: %#x is missing, and there is no error", what, addr)
		}
	}
}

// TestMemoryDamaged damages a dump in many ways, and truncates it.
func TestMemoryDamaged(t *testing.T) {
	d := newDamage(t)
	nobody := func(kmemleak.Leak) bool { return false }
	var whole outcome
	for _, b := range [][]byte{d.small, d.packed, d.whole} {
		d.check(t, "not damaged", b, nobody, &whole)
	}
	if whole.complete != 3 {
		t.Fatalf("not damaged: %+v", whole)
	}
	// The first descriptor has the place of the first page.
	packed, err := openBytes(t, d.packed)
	if err != nil {
		t.Fatal(err)
	}
	pages := int(binary.LittleEndian.Uint64(d.packed[packed.memory.(*kdump).descs:]))
	anybody := func(kmemleak.Leak) bool { return true }
	l, err := d.kernel.objectLayout()
	if err != nil {
		t.Fatal(err)
	}
	any := func(random *rand.Rand) *Object {
		if random.IntN(2) == 0 {
			o := d.leaks[d.report[random.IntN(len(d.report))].Addr]
			return &o
		}
		return &d.all[random.IntN(len(d.all))]
	}
	for _, kind := range []struct {
		name string
		run  func(random *rand.Rand, out *outcome)
	}{
		{"packed", func(random *rand.Rand, out *outcome) {
			places, undo := edit(d.packed, random, 1+random.IntN(4), func() int { return random.IntN(len(d.packed)) })
			defer undo()
			d.check(t, fmt.Sprintf("packed, at %#x", places), d.packed, nobody, out)
		}},
		{"packed, in front of the pages", func(random *rand.Rand, out *outcome) {
			places, undo := edit(d.packed, random, 1, func() int { return random.IntN(pages) })
			defer undo()
			d.check(t, fmt.Sprintf("packed, at %#x", places), d.packed, nobody, out)
		}},
		{"truncated", func(random *rand.Rand, out *outcome) {
			b := [][]byte{d.small, d.packed, d.whole}[random.IntN(3)]
			n := random.IntN(len(b))
			d.check(t, fmt.Sprintf("%d bytes of %d", n, len(b)), b[:n], nobody, out)
		}},
		{"headers", func(random *rand.Rand, out *outcome) {
			n := int(binary.LittleEndian.Uint64(d.whole[32:])) + 56*int(binary.LittleEndian.Uint16(d.whole[56:]))
			places, undo := edit(d.whole, random, 1, func() int { return random.IntN(n) })
			defer undo()
			d.check(t, fmt.Sprintf("headers, at %#x", places), d.whole, nobody, out)
		}},
		{"lists", func(random *rand.Rand, out *outcome) {
			o := any(random)
			places, undo := edit(d.small, random, 1, func() int { return d.at(t, o.Meta+l.list.off+random.Uint64N(16)) })
			defer undo()
			d.check(t, fmt.Sprintf("list in the record at %#x, at %#x", o.Meta, places), d.small, nobody, out)
		}},
		{"records", func(random *rand.Rand, out *outcome) {
			o := any(random)
			places, undo := edit(d.small, random, 1+random.IntN(3), func() int { return d.at(t, o.Meta+random.Uint64N(l.struct_.Size)) })
			defer undo()
			// Nothing tells that a number of a record is another one. All other records are as they were.
			d.check(t, fmt.Sprintf("record at %#x, at %#x", o.Meta, places), d.small, func(l kmemleak.Leak) bool {
				_, known := d.leaks[l.Addr]
				return l.Addr == o.Addr || !known && l.Addr != d.global.Addr
			}, out)
		}},
		{"backtraces", func(random *rand.Rand, out *outcome) {
			o := d.leaks[d.report[random.IntN(len(d.report))].Addr]
			var frames []byte
			for _, f := range o.Stack {
				frames = binary.LittleEndian.AppendUint64(frames, f)
			}
			at := bytes.Index(d.small, frames)
			if len(frames) == 0 || at < 0 {
				t.Fatalf("object %#x: no frames", o.Addr)
			}
			places, undo := edit(d.small, random, 1+random.IntN(3), func() int { return at + random.IntN(len(frames)) })
			defer undo()
			d.check(t, fmt.Sprintf("backtrace of %#x, at %#x", o.Addr, places), d.small, nobody, out)
		}},
		{"memory", func(random *rand.Rand, out *outcome) {
			places, undo := edit(d.small, random, 1+random.IntN(2000), func() int { return random.IntN(len(d.small)) })
			defer undo()
			d.check(t, fmt.Sprintf("%d places", len(places)), d.small, anybody, out) // it ends
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			var out outcome
			for seed := range *seedsFlag {
				kind.run(rand.New(rand.NewPCG(seed, 7)), &out)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			t.Logf("%+v", out)
		})
	}
}
