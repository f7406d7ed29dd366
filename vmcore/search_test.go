// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// TestTargets has addresses of which several are in one object.
func TestTargets(t *testing.T) {
	a := &atlas{
		objects: []Object{{Object: kmemleak.Object{Addr: 0x1000, Size: 64}}, {Object: kmemleak.Object{Addr: 0x40, Size: 8}}},
		byAddr:  []int{0}, perCPU: []int{1},
	}
	s := &search{a: a, known: make(map[uint64]*target)}
	var got []string
	for _, addr := range []uint64{0x1000, 0x103f, 0x1040, 0x44, 0x1001, 0x1040} {
		o := s.target(addr)
		got = append(got, fmt.Sprintf("%#x %d", o.addr, o.size))
	}
	want := []string{"0x1000 64", "0x1000 64", "0x1040 1", "0x40 8", "0x1000 64", "0x1040 1"}
	if diff := cmp.Diff(want, got); diff != "" || len(s.targets) != 3 {
		t.Errorf("%d targets (-want +got)\n%s", len(s.targets), diff)
	}
}

// TestTargetOfNoSize has an object of early boot: what points to where it is counts.
func TestTargetOfNoSize(t *testing.T) {
	s := &search{k: newFake(fakeSpace{0x8000: 0x1000, 0x8008: 0x1001}), known: make(map[uint64]*target)}
	s.targetAt(0x1000, &Object{})
	if err := s.run(t.Context()); err != nil || len(s.hits) != 1 || s.hits[0].phys != 0x8000 {
		t.Errorf("%+v, %v", s.hits, err)
	}
}

// shySpace is the memory of a running kernel, of which a page is not shown at first.
type shySpace struct {
	fakeSpace
	hidden uint64
	scans  *int
}

func (s shySpace) Info() Info { return Info{Live: true} }

func (s shySpace) Scan(ctx context.Context, fn func(uint64, []byte)) error {
	*s.scans++
	return s.fakeSpace.Scan(ctx, func(addr uint64, b []byte) {
		if *s.scans > 1 || addr != s.hidden {
			fn(addr, b)
		}
	})
}

// TestSearchAgain searches a running kernel once more where kmemleak counted references and
// none was found.
func TestSearchAgain(t *testing.T) {
	const stack, hidden = 0x7f1000000000000, 0x7f1000000000008 // where this process has no page
	for _, c := range []struct {
		name        string
		hidden      uint64
		count       int
		scans, refs int
	}{
		{"not found at first", hidden, 1, 2, 1},
		{"found", 0, 1, 1, 1},
		{"not counted", hidden, 0, 1, 0},
	} {
		scans := 0
		k := newFake(nil)
		k.file = new(kobj.File)
		k.mem = shySpace{fakeSpace{0: 0, stack: 0, hidden: 0x1000}, c.hidden, &scans}
		a := &atlas{k: k, types: guesser{k: k}, stacks: true, threads: []Task{{PID: 1 << 30, Stack: Range{stack, 16}, SP: hidden}}, tasks: []int{0}}
		s := &search{k: k, a: a, known: make(map[uint64]*target)}
		o := s.targetAt(0x1000, &Object{Object: kmemleak.Object{Addr: 0x1000, Size: 64, MinCount: 1, Count: c.count}})
		err := s.search(t.Context())
		if err != nil || scans != c.scans || len(o.found.Refs) != c.refs {
			t.Errorf("%s: %d scans, %+v, %v", c.name, scans, o.found.Refs, err)
		}
	}
}

// chunkSpace is memory in pieces that begin anywhere.
type chunkSpace struct {
	fakeSpace
	at uint64
	b  []byte
}

func (s chunkSpace) Scan(_ context.Context, fn func(uint64, []byte)) error {
	fn(s.at, s.b)
	return nil
}

// TestRunUnaligned has memory that begins where no pointer can be: those behind it are found.
func TestRunUnaligned(t *testing.T) {
	for skip := range uint64(9) {
		b := make([]byte, skip+24)
		binary.LittleEndian.PutUint64(b[skip+8:], 0x1020)
		k := newFake(nil)
		k.mem = chunkSpace{at: 0x8000 - skip, b: b}
		s := &search{k: k, known: make(map[uint64]*target)}
		s.targetAt(0x1000, &Object{Object: kmemleak.Object{Size: 64}})
		if err := s.run(t.Context()); err != nil || len(s.hits) != 1 || s.hits[0].phys != 0x8008 || s.hits[0].value != 0x1020 {
			t.Errorf("%d bytes in front: %+v, %v", skip, s.hits, err)
		}
	}
}

// TestHits has more pointers than are kept.
func TestHits(t *testing.T) {
	s := &search{}
	o := &target{}
	for i := range uint64(4*MaxRefs + 10) {
		s.add([]hit{{i, i, o}})
	}
	if len(s.hits) != 4*MaxRefs || o.found.More != 10 {
		t.Errorf("%d are kept, and %d more", len(s.hits), o.found.More)
	}
}
