// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	poolsAt = 0x1000 // an array of two pools
	poolAt  = 0x1010
)

// depotOf returns a depot of Linux 6.12: struct stack_record is of its
// include/linux/stackdepot.h.
func depotOf(b []byte) *depot {
	number := func(off, size uint64) field { return field{off: off, size: size, ok: true} }
	return &depot{
		k: bytesAt(poolsAt, b), pools: poolsAt, count: 2, plusOne: true,
		index: field{size: 4, bits: 17, ok: true}, offset: field{size: 4, start: 17, bits: 10, ok: true},
		hash: number(16, 4), size: number(20, 4), handle: number(24, 4), entries: 48,
		traces: make(map[uint32][]uint64),
	}
}

// handleOf names a record at a multiple of 16 bytes of the first pool.
func handleOf(offset uint32) uint32 { return 1 | offset>>depotAlign<<17 }

// record appends a record with a handle.
func record(b []byte, handle uint32, frames ...uint64) []byte {
	le := binary.LittleEndian
	head := make([]byte, 48)
	var entries []byte
	for _, f := range frames {
		entries = le.AppendUint64(entries, f)
	}
	le.PutUint32(head[16:], hashFrames(entries))
	le.PutUint32(head[20:], uint32(len(frames)))
	le.PutUint32(head[24:], handle)
	b = append(append(b, head...), entries...)
	return append(b, make([]byte, -len(b)&15)...)
}

// pool returns the array of pools and a pool with two records.
func pool() []byte {
	b := binary.LittleEndian.AppendUint64(nil, poolAt)
	b = append(b, make([]byte, 8)...)
	b = record(b, handleOf(0), 0xffffffff81000010, 0xffffffff81000020)
	return record(b, handleOf(64), 0xffffffff81000030)
}

func TestDepot(t *testing.T) {
	for _, c := range []struct {
		name   string
		handle uint32
		change func(b []byte)
		want   []uint64
		err    error
	}{
		{"none", 0, nil, nil, nil},
		{"the first", handleOf(0), nil, []uint64{0xffffffff81000010, 0xffffffff81000020}, nil},
		{"the second", handleOf(64), nil, []uint64{0xffffffff81000030}, nil},
		{"with spare bits that a user sets", handleOf(64) | 1<<31, nil, []uint64{0xffffffff81000030}, nil},
		{"between records", handleOf(16), nil, nil, ErrDamaged},
		{"no pool", handleOf(64) &^ 1, nil, nil, ErrDamaged},
		{"a pool that is not there", handleOf(0) + 1, nil, nil, ErrDamaged},
		{"behind the array", handleOf(0) + 2, nil, nil, ErrDamaged},
		{"another handle", handleOf(0), func(b []byte) { b[16+24] ^= 2 }, nil, ErrDamaged},
		{"too many frames", handleOf(0), func(b []byte) { b[16+21] = 2 }, nil, ErrDamaged},
		{"one frame more", handleOf(0), func(b []byte) { b[16+20]++ }, nil, ErrDamaged},
		{"another frame", handleOf(0), func(b []byte) { b[16+48+8] ^= 1 }, nil, ErrDamaged},
		{"another hash", handleOf(0), func(b []byte) { b[16+19] ^= 0x80 }, nil, ErrDamaged},
		{"no pages", handleOf(1 << 13), nil, nil, ErrAbsent},
	} {
		b := pool()
		if c.change != nil {
			c.change(b)
		}
		got, err := depotOf(b).trace(c.handle)
		if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.err) {
			t.Errorf("%s: %v (-want +got)\n%s", c.name, err, diff)
		}
	}
}

// TestLaidOut moves the frames of a record, which in Linux 6.12 are behind all else at 48 of 560
// bytes. In Linux 6.1 they are an array of no size, at the end.
func TestLaidOut(t *testing.T) {
	for _, c := range []struct {
		entries, size uint64
		move          func(d *depot)
		ok            bool
	}{
		{48, 560, nil, true},
		{48, 48, nil, true},
		{48, 47, nil, false},
		{28, 560, nil, true},
		{27, 560, nil, false},
		{48, 560, func(d *depot) { d.handle.off = 44 }, true},
		{48, 560, func(d *depot) { d.handle.off = 45 }, false},
		{48, 560, func(d *depot) { d.size.off = 45 }, false},
		{48, 560, func(d *depot) { d.hash.off = 45 }, false},
	} {
		d := depotOf(nil)
		d.entries = c.entries
		if c.move != nil {
			c.move(d)
		}
		if err := d.laidOut(c.size); (err == nil) != c.ok || err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("entries at %d of %d: %v", c.entries, c.size, err)
		}
	}
}

// TestHashFrames has frames that Linux 6.1 kept, with the hashes that it kept of them.
func TestHashFrames(t *testing.T) {
	for want, frames := range map[uint32][]uint64{
		0xbb95940f: {0xffffffffb8200132},
		0xad516043: {0xffffffffb8e68e7a, 0xffffffffb8200132},
		0x64e74bdf: {0xffffffffb8e84af9, 0xffffffffb8e68e84, 0xffffffffb8200132},
		0x903e716c: {0xffffffffb825ca5a, 0xffffffffb8e7e240, 0xffffffffb8e68eb0, 0xffffffffb8200132},
	} {
		var b []byte
		for _, f := range frames {
			b = binary.LittleEndian.AppendUint64(b, f)
		}
		if got := hashFrames(b); got != want {
			t.Errorf("%#x: %#x, want %#x", frames, got, want)
		}
	}
	hashFrames(nil) // a record of no frames
}

// TestDepotPointer has the array of pools behind a pointer.
func TestDepotPointer(t *testing.T) {
	b := pool()
	b = binary.LittleEndian.AppendUint64(b, poolsAt)
	d := depotOf(b)
	d.pools, d.count, d.poolPtr = poolsAt+uint64(len(b))-8, 0, true
	if got, err := d.trace(handleOf(64)); err != nil || len(got) != 1 {
		t.Errorf("%#x, %v", got, err)
	}
}

// FuzzDepot has any memory and any handle. A backtrace is one of a record with that handle,
// and with the hash of the frames.
func FuzzDepot(f *testing.F) {
	f.Add(pool(), handleOf(0))
	f.Add(pool(), handleOf(64))
	f.Add(pool()[:100], handleOf(64))
	f.Fuzz(func(t *testing.T, b []byte, handle uint32) {
		d := depotOf(b)
		got, err := d.trace(handle)
		if len(got) > maxTrace || err == nil && handle != 0 && len(got)*8 > len(b) {
			t.Errorf("%d frames, %v", len(got), err)
		}
	})
}
