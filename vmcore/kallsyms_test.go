// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// byteSpace is memory in one piece.
type byteSpace struct {
	fakeSpace
	at uint64
	b  []byte
}

func (s byteSpace) ReadAt(p []byte, addr uint64) error {
	off := addr - s.at
	if off > uint64(len(s.b)) || uint64(len(p)) > uint64(len(s.b))-off {
		return &AbsentError{Addr: addr, Cause: "not in the test"}
	}
	copy(p, s.b[off:])
	return nil
}

// bytesAt returns a kernel with this memory.
func bytesAt(at uint64, b []byte) *Kernel {
	k := newFake(nil)
	k.mem, k.file = byteSpace{at: at, b: b}, new(kobj.File)
	return k
}

const tableAt = 0xffffffff82000000

// kallsyms writes a table as scripts/kallsyms.c does, with a token for each letter and one
// for "kmem". offset returns how the address of a symbol is kept.
func kallsyms(names []string, offset func(i int) int32) (b []byte, parts map[string]uint64) {
	le := binary.LittleEndian
	parts = make(map[string]uint64)
	part := func(name string) {
		b = append(b, make([]byte, -len(b)&7)...)
		parts[name] = tableAt + uint64(len(b))
	}
	part("kallsyms_num_syms")
	b = le.AppendUint32(b, uint32(len(names)))
	part("kallsyms_names")
	start := len(b)
	var markers []uint32
	for i, name := range names {
		if i%nameBlock == 0 {
			markers = append(markers, uint32(len(b)-start))
		}
		packed := strings.ReplaceAll("T"+name, "kmem", "\x01")
		if n := len(packed); n < 0x80 {
			b = append(b, byte(n))
		} else {
			b = append(b, byte(n)|0x80, byte(n>>7))
		}
		b = append(b, packed...)
	}
	part("kallsyms_markers")
	for _, m := range markers {
		b = le.AppendUint32(b, m)
	}
	part("kallsyms_token_table")
	var index []byte
	start = len(b)
	for c := range 256 {
		index = le.AppendUint16(index, uint16(len(b)-start))
		token := string([]byte{byte(c)})
		if c == 1 {
			token = "kmem"
		}
		b = append(append(b, strings.Trim(token, "\x00")...), 0)
	}
	part("kallsyms_token_index")
	b = append(b, index...)
	part("kallsyms_offsets")
	for i := range names {
		b = le.AppendUint32(b, uint32(offset(i)))
	}
	part("kallsyms_relative_base")
	return le.AppendUint64(b, tableAt), parts
}

// TestKallsyms has tables with addresses in each of the three ways.
func TestKallsyms(t *testing.T) {
	var names []string
	for i := range 600 {
		names = append(names, fmt.Sprintf("kmem_%d", i))
	}
	names[300] = strings.Repeat("long", 100)
	names[401] = ""                                                // no name, only a letter
	addr := func(i int) uint64 { return tableAt + uint64(i/2)*16 } // two at each place
	_, at := kallsyms(names, func(int) int32 { return 0 })
	for _, c := range []struct {
		name     string
		relative bool
		offset   func(i int) int32
	}{
		{"from the base", true, func(i int) int32 { return int32(addr(i) - tableAt) }},
		{"back from the base", true, func(i int) int32 { return -1 - int32(addr(i)-tableAt) }},
		{"from their own place", false, func(i int) int32 { return int32(int64(addr(i)) - int64(at["kallsyms_offsets"]) - 4*int64(i)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, parts := kallsyms(names, c.offset)
			if !c.relative {
				delete(parts, "kallsyms_relative_base")
			}
			s := &symbolTable{k: bytesAt(tableAt, b), end: tableAt + 1<<20, blocks: make(map[int][]byte)}
			if err := s.read(parts, addr(100)); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range []uint64{tableAt - 1, tableAt, tableAt + 15, tableAt + 16*150 + 3, addr(598), addr(598) + 100} {
				name, offset, size, err := s.lookup(at)
				got = append(got, fmt.Sprintf("%.10s+%#x/%#x %v", name, offset, size, err))
			}
			want := []string{
				"+0x0/0x0 <nil>", "kmem_0+0x0/0x10 <nil>", "kmem_0+0xf/0x10 <nil>", "longlonglo+0x3/0x10 <nil>",
				"kmem_598+0x0/0xfed50 <nil>", "kmem_598+0x64/0xfed50 <nil>",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if _, err := s.name(401); !errors.Is(err, ErrDamaged) {
				t.Errorf("a letter alone: %v", err)
			}
			if err := s.read(parts, addr(100)+1); !errors.Is(err, ErrDamaged) {
				t.Errorf("a symbol that is not there: %v", err)
			}
		})
	}
}

// TestMemorySymbolsDamaged has a kernel whose table of symbols is damaged in memory: its
// functions have their names all the same.
func TestMemorySymbolsDamaged(t *testing.T) {
	d := openMemory(t)
	start, _ := d.kernel.symbol("kallsyms_num_syms")
	end := start
	for _, name := range []string{"names", "markers", "token_table", "token_index", "offsets"} {
		addr, ok := d.kernel.symbol("kallsyms_" + name)
		if !ok {
			t.Fatalf("no kallsyms_%s", name)
		}
		start, end = min(start, addr), max(end, addr+512)
	}
	base, _ := d.kernel.symbol("kallsyms_relative_base") // the file need not have it
	read := 0
	k := d.damaged(t, damagedSpace{change: func(p []byte, addr uint64) {
		for i := range p {
			if at := addr + uint64(i); at >= start && at < end && at-base >= 8 {
				p[i] ^= 0x55
				read++
			}
		}
	}})
	leaks, err := k.Leaks(t.Context())
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(d.report, leaks); diff != "" {
		t.Errorf("%d bytes changed (-want +got)\n%s", read, diff)
	}
}

// FuzzKallsyms changes bytes of a table, and cuts it off: a symbol is named for each address,
// or there is an error.
func FuzzKallsyms(f *testing.F) {
	names := []string{"_text", "kmemleak_alloc", "kfree"}
	for i := range 300 {
		names = append(names, fmt.Sprintf("f%d", i))
	}
	b, parts := kallsyms(names, func(i int) int32 { return int32(16 * i) })
	f.Add([]byte{}, uint16(len(b)))
	f.Add([]byte{0, 0, 0xff}, uint16(len(b)))
	f.Add([]byte{0, 16, 0xff, 0, 20, 0x80}, uint16(len(b)))
	f.Add([]byte{}, uint16(1000))
	f.Fuzz(func(t *testing.T, edits []byte, size uint16) {
		b := bytes.Clone(b)
		for ; len(edits) >= 3; edits = edits[3:] {
			b[int(binary.BigEndian.Uint16(edits))%len(b)] = edits[2]
		}
		s := &symbolTable{k: bytesAt(tableAt, b[:min(int(size), len(b))]), end: tableAt + 1<<20, blocks: make(map[int][]byte)}
		if s.read(parts, tableAt+16) != nil {
			return
		}
		if !slices.IsSorted(s.addrs) {
			t.Error("addresses are not sorted")
		}
		for addr := uint64(tableAt - 8); addr < tableAt+16*310; addr += 40 {
			if name, _, _, err := s.lookup(addr); len(name) > maxSymbolic || err == nil && name == "" && s.index(addr) >= 0 {
				t.Errorf("%#x: a name of %d bytes, %v", addr, len(name), err)
			}
		}
	})
}
