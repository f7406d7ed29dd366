// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"github.com/kmemleak/kmemleak/internal/dwarf"
)

// depot is the kernel's store of backtraces (lib/stackdepot.c). A handle names a pool and
// a place in it.
type depot struct {
	k       *Kernel
	pools   uint64 // address of the array of pools
	count   uint64 // its length, 0 if unknown
	poolPtr bool   // pools is the address of a pointer to the array

	index, offset field // parts of a handle
	plusOne       bool  // index counts from 1
	size, handle  field // of a record: frames, and its own handle
	hash          field // of the frames
	entries       uint64

	mu     sync.Mutex
	traces map[uint32][]uint64
}

// depotAlign is the shift of offsets in handles (STACK_ALLOC_ALIGN, DEPOT_STACK_ALIGN),
// which debugging information does not have. Records hold their own handles, so that a
// wrong one is noticed.
const depotAlign = 4

// maxTrace is more frames than kmemleak records, which are 16.
const maxTrace = 256

func (k *Kernel) stackDepot() (*depot, error) {
	k.depotOnce.Do(func() {
		k.depot = depot{k: k, traces: make(map[uint32][]uint64)}
		if err := k.depot.load(); err != nil {
			k.depotErr = fmt.Errorf("stack depot: %w", err)
		}
	})
	return &k.depot, k.depotErr
}

func (d *depot) load() error {
	const source = "lib/stackdepot.c"
	var pools *dwarf.Layout
	var err error
	for _, name := range []string{"stack_pools", "stack_slabs"} {
		if d.pools, pools, err = d.k.variable(name, source); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	switch pools.Kind {
	case dwarf.KindArray:
		d.count = pools.Count
	case dwarf.KindPointer: // since 7.0
		d.poolPtr = true
	default:
		return fmt.Errorf("%w: pools are %v", errors.ErrUnsupported, pools)
	}
	record, err := d.k.structOf("stack_record", source, map[string]*field{"size": &d.size, "handle": &d.handle, "hash": &d.hash})
	if err != nil {
		return err
	}
	entries, ok := record.Field("entries")
	if !ok {
		return fmt.Errorf("struct stack_record: %w: no entries", errors.ErrUnsupported)
	}
	d.entries = entries.Offset
	if err := d.laidOut(record.Size); err != nil {
		return fmt.Errorf("struct stack_record: %w", err)
	}
	parts, err := d.k.types.Struct("handle_parts", source)
	if err != nil {
		return err
	}
	for _, name := range []string{"pool_index_plus_1", "pool_index", "slabindex"} {
		if d.index = fieldOf(parts, name); d.index.ok {
			d.plusOne = name == "pool_index_plus_1"
			break
		}
	}
	if d.offset = fieldOf(parts, "offset"); !d.index.ok || !d.offset.ok || d.index.bits == 0 || d.offset.bits == 0 || parts.Size != 4 {
		return fmt.Errorf("union handle_parts: %w: no bits for pool and offset", errors.ErrUnsupported)
	}
	return nil
}

// laidOut returns an error unless the frames of a record of some size are in it, behind all
// else that is read.
func (d *depot) laidOut(size uint64) error {
	head := max(d.size.off+d.size.size, d.handle.off+4, d.hash.off+d.hash.size)
	if d.entries > size || head > d.entries {
		return fmt.Errorf("%w: entries at %d, behind %d bytes of %d", errors.ErrUnsupported, d.entries, head, size)
	}
	return nil
}

// trace returns the addresses of a backtrace, innermost first. Handle 0 has none. The
// result must not be changed.
func (d *depot) trace(handle uint32) ([]uint64, error) {
	if handle == 0 {
		return nil, nil
	}
	d.mu.Lock()
	t, ok := d.traces[handle]
	d.mu.Unlock()
	if ok {
		return t, nil
	}
	t, err := d.read(handle)
	if err != nil {
		return nil, fmt.Errorf("backtrace %#x: %w", handle, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.traces[handle] = t
	return t, nil
}

func (d *depot) read(handle uint32) ([]uint64, error) {
	raw := []byte{byte(handle), byte(handle >> 8), byte(handle >> 16), byte(handle >> 24)}
	index, offset := d.index.in(raw), d.offset.in(raw)<<depotAlign
	if d.plusOne {
		if index == 0 {
			return nil, fmt.Errorf("%w: no pool in the handle", ErrDamaged)
		}
		index--
	}
	if d.count > 0 && index >= d.count {
		return nil, fmt.Errorf("%w: pool %d of %d", ErrDamaged, index, d.count)
	}
	array := d.pools
	if d.poolPtr {
		var err error
		if array, err = d.k.long(array); err != nil {
			return nil, fmt.Errorf("array of pools: %w", err)
		}
	}
	pool, err := d.k.long(array + index*uint64(d.k.word))
	if err != nil {
		return nil, fmt.Errorf("pool %d: %w", index, err)
	}
	if pool == 0 {
		return nil, fmt.Errorf("%w: there is no pool %d", ErrDamaged, index)
	}
	at := pool + offset
	head := make([]byte, d.entries)
	if err := d.k.mem.ReadAt(head, at); err != nil {
		return nil, fmt.Errorf("record at %#x: %w", at, err)
	}
	// What a user of the depot keeps in the handle's spare bits is not in the record.
	own := head[d.handle.off : d.handle.off+4]
	if d.index.in(own) != d.index.in(raw) || d.offset.in(own) != d.offset.in(raw) {
		return nil, fmt.Errorf("%w: record at %#x says that it is %#x", ErrDamaged, at, number(own))
	}
	n := d.size.in(head)
	if n > maxTrace {
		return nil, fmt.Errorf("%w: record at %#x has %d frames", ErrDamaged, at, n)
	}
	b := make([]byte, n*uint64(d.k.word))
	if err := d.k.mem.ReadAt(b, at+d.entries); err != nil {
		return nil, fmt.Errorf("frames of the record at %#x: %w", at, err)
	}
	if got, want := hashFrames(b), d.hash.in(head); uint64(got) != want {
		return nil, fmt.Errorf("%w: record at %#x has the hash %#x, and frames with %#x", ErrDamaged, at, want, got)
	}
	return words(b, d.k.word), nil
}

// What a hash begins with (STACK_HASH_SEED and JHASH_INITVAL). They are no part of debugging
// information, and the same since there is a depot.
const (
	hashSeed  = 0x9747b28c
	hashStart = 0xdeadbeef
)

// hashFrames returns what the kernel keeps as the hash of frames (hash_stack): jhash2, which
// is lookup3 by Bob Jenkins, of a multiple of 4 bytes.
func hashFrames(b []byte) uint32 {
	start := uint32(len(b)) + hashSeed
	start += hashStart
	s := [3]uint32{start, start, start}
	take := func(n int) {
		for i := range n {
			s[i] += uint32(number(b[:4]))
			b = b[4:]
		}
	}
	for len(b) > 12 {
		take(3)
		for i, turn := range [6]int{4, 6, 8, 16, 19, 4} {
			at, next, last := i%3, (i+1)%3, (i+2)%3
			s[at] = s[at] - s[last] ^ bits.RotateLeft32(s[last], turn)
			s[last] += s[next]
		}
	}
	if len(b) == 0 {
		return s[2]
	}
	take(len(b) / 4)
	for i, turn := range [7]int{14, 11, 25, 16, 4, 14, 24} {
		at, last := (i+2)%3, (i+1)%3
		s[at] = s[at] ^ s[last] - bits.RotateLeft32(s[last], turn)
	}
	return s[2]
}

// words decodes an array of longs.
func words(b []byte, size int) []uint64 {
	w := make([]uint64, len(b)/size)
	for i := range w {
		w[i] = number(b[i*size : (i+1)*size])
	}
	return w
}
