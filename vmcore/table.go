// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
)

// smallestPage is the smallest page that kernels have, in bytes.
const smallestPage = 1 << 12

// A table is a set of page tables, as the processor walks them.
type table struct {
	root  uint64 // physical
	order binary.ByteOrder
	size  uint64 // of an entry, in bytes
	steps []step // from the root
	valid func(addr uint64) bool
	seen  *translations // nil if the memory changes
	// next returns where an entry leads: to another table, or to a page of as many bytes
	// as the step's entries are for.
	next func(entry uint64, s step) (phys uint64, leaf, present bool)
}

// A step is a level of page tables.
type step struct {
	shift, bits uint
	leaves      bool // whether an entry may be a page
}

// translations are pages whose place was found before, each in the one slot where it may
// be.
type translations [2048]atomic.Pointer[translation]

type translation struct{ virt, phys uint64 }

// remember makes walk remember what it finds. The page tables of a dump do not change.
func (t *table) remember() {
	if t.seen == nil {
		t.seen = new(translations)
	}
}

// walk returns the physical address that a virtual one leads to, and how large a piece of
// memory around it is in one piece.
func (t *table) walk(addr uint64, read func(p []byte, phys uint64) error) (phys, size uint64, err error) {
	if t.seen == nil {
		return t.walkTables(addr, read)
	}
	page, offset := addr&^(smallestPage-1), addr&(smallestPage-1)
	slot := &t.seen[page/smallestPage%uint64(len(t.seen))]
	if p := slot.Load(); p != nil && p.virt == page {
		return p.phys + offset, smallestPage, nil
	}
	if phys, _, err = t.walkTables(addr, read); err != nil {
		return 0, 0, err
	}
	slot.Store(&translation{page, phys - offset})
	return phys, smallestPage, nil
}

// walkTables returns the physical address that a virtual one leads to, and the size of the
// page that it lies in.
func (t *table) walkTables(addr uint64, read func(p []byte, phys uint64) error) (phys, size uint64, err error) {
	if !t.valid(addr) {
		return 0, 0, &AbsentError{Addr: addr, Cause: "no address of the kernel"}
	}
	at := t.root
	var b [8]byte
	for _, s := range t.steps {
		index := addr >> s.shift & (1<<s.bits - 1)
		if err := read(b[:t.size], at+index*t.size); err != nil {
			if errors.Is(err, ErrAbsent) {
				err = &AbsentError{Addr: addr, Cause: fmt.Sprintf("its page table at the physical address %#x is not in the dump", at)}
			}
			return 0, 0, err
		}
		entry := uint64(0)
		if t.size == 4 {
			entry = uint64(t.order.Uint32(b[:]))
		} else {
			entry = t.order.Uint64(b[:])
		}
		next, leaf, present := t.next(entry, s)
		if !present {
			return 0, 0, &AbsentError{Addr: addr, Cause: "the kernel does not map it"}
		}
		if leaf {
			size := uint64(1) << s.shift
			return next + addr&(size-1), size, nil
		}
		at = next
	}
	return 0, 0, &AbsentError{Addr: addr, Cause: "its page tables have no end"}
}
