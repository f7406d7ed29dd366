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
