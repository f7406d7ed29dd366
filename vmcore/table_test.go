// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"encoding/binary"
	"errors"
	"testing"
)

// tables is physical memory with page tables, by the addresses of entries.
type tables map[uint64]uint64

func (m tables) read(p []byte, phys uint64) error {
	entry, ok := m[phys]
	if !ok {
		return &AbsentError{Addr: phys, Physical: true}
	}
	b := binary.LittleEndian.AppendUint64(nil, entry)
	copy(p, b)
	return nil
}

// A walk is what a set of page tables leads to. phys is absent if it is an error.
type walk struct {
	name   string
	table  *table
	memory tables
	addr   uint64
	phys   uint64
	size   uint64
}

const absent = ^uint64(0)

// testWalks walks tables that no test kernel has. Those that they have are in TestFacts.
func testWalks(t *testing.T, walks []walk) {
	t.Helper()
	for _, c := range walks {
		phys, size, err := c.table.walk(c.addr, c.memory.read)
		switch {
		case c.phys == absent && !errors.Is(err, ErrAbsent):
			t.Errorf("%s: %#x, %v, want an error", c.name, phys, err)
		case c.phys != absent && (phys != c.phys || size != c.size || err != nil):
			t.Errorf("%s: %#x of %#x, %v, want %#x of %#x", c.name, phys, size, err, c.phys, c.size)
		}
	}
}

// TestRemember walks tables that were changed meanwhile.
func TestRemember(t *testing.T) {
	memory := tables{0x1ff8: 0x4000_0701}
	const addr = 0xffff_ffff_c123_4567
	for remember, want := range map[bool]uint64{false: 0x8123_4567, true: 0x4123_4567} {
		memory[0x1ff8] = 0x4000_0701
		table := aarch64Table(0x1000, 12, 39)
		if remember {
			table.remember()
		}
		for range 2 {
			if phys, _, err := table.walk(addr, memory.read); phys != 0x4123_4567 || err != nil {
				t.Errorf("%#x, %v", phys, err)
			}
		}
		memory[0x1ff8] = 0x8000_0701
		if phys, _, err := table.walk(addr, memory.read); phys != want || err != nil {
			t.Errorf("remembered %v: %#x, %v, want %#x", remember, phys, err, want)
		}
		if phys, _, err := table.walk(addr+smallestPage, memory.read); phys != 0x8123_5567 || err != nil {
			t.Errorf("another page: %#x, %v", phys, err)
		}
	}
}
