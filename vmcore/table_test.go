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

// TestWalk walks tables that no test kernel has. Those that they have are in TestFacts.
func TestWalk(t *testing.T) {
	const absent = ^uint64(0)
	for _, c := range []struct {
		name   string
		table  *table
		memory tables
		addr   uint64
		phys   uint64
		size   uint64
	}{
		{"PAE page", paeTable(0x1020), tables{0x1038: 0x2001, 0x2008: 0x3003, 0x3010: 0x1_2345_6003}, 0xc0202345, 0x1_2345_6345, 1 << 12},
		{"PAE large page", paeTable(0x1000), tables{0x1018: 0x2001, 0x2008: 0x8_0020_0083}, 0xc0212345, 0x8_0021_2345, 1 << 21},
		{"PAE hole", paeTable(0x1000), tables{0x1018: 0x2001, 0x2008: 0}, 0xc0212345, absent, 0},
		{"i386 with PSE-36", i386Table(0x1000), tables{0x1c00: 0x0040_0083 | 3<<13}, 0xc0012345, 3<<32 | 0x0041_2345, 1 << 22},
		{"x86_64, 1 GiB", x86Table(0x1000, false, 0), tables{0x1888: 0x2003, 0x2008: 0x4000_0083}, 0xffff_8880_4123_4567, 0x4123_4567, 1 << 30},
		{"x86_64, not executable", x86Table(0x1000, false, 0), tables{0x1888: 0x2003, 0x2008: 1<<63 | 0x4000_0083}, 0xffff_8880_4123_4567, 0x4123_4567, 1 << 30},
		{"x86_64, encrypted", x86Table(0x1000, false, 1<<47), tables{0x1888: 1<<47 | 0x2003, 0x2008: 1<<47 | 0x4000_0083}, 0xffff_8880_4123_4567, 0x4123_4567, 1 << 30},
		{"x86_64, user's", x86Table(0x1000, false, 0), tables{}, 0x1000, absent, 0},
		{"x86_64, 5 levels", x86Table(0x1000, true, 0), tables{0x1888: 0x2003, 0x2000: 0x3003, 0x3000: 0x4000_0083}, 0xff11_0000_0123_4567, 0x4123_4567, 1 << 30},
		{"arm64, 64 KiB", aarch64Table(0x10000, 16, 48), tables{0x101f8: 0x2_0003, 0x2_0000: 0x3_0003, 0x3_0008: 0x5_0703}, 0xffff_fc00_0001_2345, 0x5_2345, 1 << 16},
		{"arm64, 64 KiB, a block", aarch64Table(0x10000, 16, 48), tables{0x101f8: 0x2_0003, 0x2_0008: 0x8000_0701}, 0xffff_fc00_2001_2345, 0x8001_2345, 1 << 29},
		{"arm64, 64 KiB, 52 bits", aarch64Table(0x10000, 16, 48), tables{0x101f8: 0x2_0003, 0x2_0000: 0x3_0003, 0x3_0008: 0x5_a703}, 0xffff_fc00_0001_2345, 10<<48 | 0x5_2345, 1 << 16},
		{"arm64, 16 KiB", aarch64Table(0x4000, 14, 47), tables{0x7ff8: 0x8003, 0x8008: 0x4_0003, 0x4_0010: 0x8_0703}, 0xffff_fff0_0200_a345, 0x8_2345, 1 << 14},
		{"arm64, 39 bits", aarch64Table(0x1000, 12, 39), tables{0x1ff8: 0x4000_0701}, 0xffff_ffff_c123_4567, 0x4123_4567, 1 << 30},
		{"arm64, no block in the last level", aarch64Table(0x1000, 12, 39), tables{0x1ff8: 0x2003, 0x2048: 0x3003, 0x31a0: 0x5001}, 0xffff_ffff_c123_4567, absent, 0},
		{"arm64, user's", aarch64Table(0x1000, 12, 48), tables{}, 0x7fff_0000_0000, absent, 0},
	} {
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
