// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// realDump returns the memory and the notes of a dump of testdata.
func realDump(t testing.TB, name string, block uint64) (*dump, map[string]uint64) {
	t.Helper()
	m, err := openBytes(t, fixture(t, "testdata/"+name))
	if err != nil {
		t.Fatal(err)
	}
	d := &dump{block: block, pages: make(map[uint64][]byte)}
	for goarch, machine := range map[string]uint16{"amd64": 62, "386": 3, "arm64": 183} {
		if m.info.GOARCH == goarch {
			d.machine = machine
		}
	}
	for uname, goarch := range machines {
		if m.info.GOARCH == goarch {
			d.uname = uname
		}
	}
	if d.uname[0] == 'i' {
		d.uname = "i686"
	}
	d.notes = rawNotes(m.memory.(*elfCore).notes)
	for r := range m.Ranges() {
		for addr := r.Addr &^ (block - 1); addr < r.Addr+r.Size; addr += block {
			if d.pages[addr] == nil {
				d.pages[addr] = make([]byte, block)
			}
			for at := uint64(0); at < block; at += 4096 {
				_ = m.ReadPhys(d.pages[addr][at:at+4096], addr+at)
			}
		}
	}
	return d, readSymbols(t, "testdata/"+name+".symbols")
}

// TestFormats writes the memory of real dumps in all formats, and finds the same in each.
func TestFormats(t *testing.T) {
	for _, name := range []string{"6.1-x86_64-qemu", "6.12-x86_64-qemu-bare", "6.12-arm64-qemu", "7.3-x86_64-qemu", "6.1-i386-qemu-bare"} {
		m, err := openBytes(t, fixture(t, "testdata/"+name))
		if err != nil {
			t.Fatal(err)
		}
		d, symbols := realDump(t, name, 4096)
		want, err := facts(m, symbols)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string][]byte{"ELF core": d.elf()}
		for packing, pack := range packings {
			files["kdump "+packing] = d.kdump(pack)
		}
		large, _ := realDump(t, name, 64<<10) // QEMU's pages of arm64
		files["kdump large zlib"] = large.kdump(packings["zlib"])
		for format, b := range files {
			for _, flat := range []string{"", ", flattened"} {
				t.Run(name+"/"+format+flat, func(t *testing.T) {
					if flat != "" {
						b = flatten(b, 5000)
					}
					m, err := openBytes(t, b)
					if err != nil {
						t.Fatal(err)
					}
					got, err := facts(m, symbols)
					if err != nil {
						t.Fatal(err)
					}
					want := want
					want.Format = strings.Fields(format)[0] + flat
					if format == "ELF core" {
						want.Format = format + flat
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("(-want +got)\n%s", diff)
					}
					scanned := scanAll(t, m)
					for addr, page := range d.pages {
						if !bytes.Equal(page, scanned[addr]) {
							t.Errorf("page %#x is another", addr)
						}
					}
				})
			}
		}
	}
}

// scanAll returns all pages that Scan finds.
func scanAll(t testing.TB, m *Image) map[uint64][]byte {
	t.Helper()
	var mu sync.Mutex
	pages := make(map[uint64][]byte)
	if err := m.Scan(context.Background(), func(addr uint64, b []byte) {
		mu.Lock()
		defer mu.Unlock()
		for at := 0; at < len(b); at += 4096 {
			pages[addr+uint64(at)] = bytes.Clone(b[at:min(len(b), at+4096)])
		}
	}); err != nil {
		t.Error(err)
	}
	return pages
}

// TestMutated changes bytes of dumps. What is found is the same as before, or an error.
// Nothing in an ELF core can tell that the bytes of memory are not those that were there,
// or where they were: such changes are left out.
func TestMutated(t *testing.T) {
	d, symbols := realDump(t, "6.1-x86_64-qemu", 4096)
	core, packed := d.elf(), d.kdump(packings["zlib"])
	good, err := openBytes(t, core)
	if err != nil {
		t.Fatal(err)
	}
	want, err := facts(good, symbols)
	if err != nil {
		t.Fatal(err)
	}
	pages := scanAll(t, good)
	first := 1 << 30 // where memory begins
	for _, s := range good.memory.(*elfCore).phys {
		first = min(first, int(s.offset))
	}
	elfHeaders := func(at int) bool {
		field := (at - 64) % 56
		return at < first && (at < 64+56 || at >= first-len(d.notes) || field < 8 || field >= 32)
	}
	all := func(int) bool { return true }
	for _, c := range []struct {
		name  string
		b     []byte
		check func(at int) bool
	}{
		{"ELF", core, elfHeaders},
		{"zlib", packed, all},
		{"flattened", flatten(packed, 4096), all},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			refused, same := 0, 0
			for i := range 250 {
				at := random.IntN(len(c.b))
				if i%2 == 0 {
					at = random.IntN(min(len(c.b), 9000)) // the headers
				}
				if !c.check(at) {
					continue
				}
				changed := bytes.Clone(c.b)
				changed[at] = []byte{0, 0xff, c.b[at] ^ 1<<random.IntN(8), byte(random.Uint32())}[random.IntN(4)]
				m, err := openBytes(t, changed)
				if err != nil {
					refused++
					continue
				}
				got, err := facts(m, symbols)
				if err != nil {
					refused++
					continue
				}
				same++
				// VMCOREINFO is text that nothing protects.
				got.BuildID, got.Vmcoreinfo, got.PageSize = want.BuildID, want.Vmcoreinfo, want.PageSize
				got.Format = want.Format
				if got.Linear == "" { // its page tables are damaged
					got.Linear, got.LinearReads = want.Linear, want.LinearReads
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("byte %d is %#x: (-want +got)\n%s", at, changed[at], diff)
				}
				_ = m.Scan(context.Background(), func(addr uint64, b []byte) {
					for at := 0; at < len(b); at += 4096 {
						if !bytes.Equal(b[at:min(at+4096, len(b))], pages[addr+uint64(at)]) {
							t.Errorf("byte %d is %#x: another page %#x", i, changed[at], addr+uint64(at))
						}
					}
				})
			}
			t.Logf("%d refused, %d the same", refused, same)
		})
	}
}

// TestAbsent reads what is not there.
func TestAbsent(t *testing.T) {
	d, symbols := realDump(t, "6.1-x86_64-qemu", 4096)
	look := func(name string) (uint64, bool) { addr, ok := symbols[name]; return addr, ok }
	for name, b := range map[string][]byte{"ELF": d.elf(), "kdump": d.kdump(packings["zlib"])} {
		t.Run(name, func(t *testing.T) {
			m, err := openBytes(t, b)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Relocate(look); err != nil {
				t.Fatal(err)
			}
			last := slices.Max(d.addrs())
			hole := uint64(0)
			for d.pages[hole] != nil {
				hole += 4096
			}
			linear := m.linear
			cases := map[string]struct {
				read func(p []byte, addr uint64) error
				addr uint64
				want AbsentError
			}{
				"beyond all":    {m.ReadPhys, 1 << 50, AbsentError{Addr: 1 << 50, Physical: true}},
				"the last":      {m.ReadPhys, ^uint64(0), AbsentError{Addr: ^uint64(0), Physical: true}},
				"behind a page": {m.ReadPhys, last + 4090, AbsentError{Addr: last + 4096, Physical: true}},
				"a hole":        {m.ReadPhys, hole, AbsentError{Addr: hole, Physical: true}},
				"null":          {m.ReadAt, 0, AbsentError{}},
				"not canonical": {m.ReadAt, 1 << 62, AbsentError{Addr: 1 << 62}},
				"not dumped":    {m.ReadAt, linear + hole, AbsentError{Addr: linear + hole}},
				"the end":       {m.ReadAt, ^uint64(0) - 3, AbsentError{Addr: ^uint64(0) - 3}},
			}
			for name, c := range cases {
				p := bytes.Repeat([]byte{0x55}, 16)
				err := c.read(p, c.addr)
				var absent *AbsentError
				if !errors.Is(err, ErrAbsent) || !errors.As(err, &absent) {
					t.Errorf("%s: %v", name, err)
					continue
				}
				got := *absent
				got.Cause = ""
				if got != c.want {
					t.Errorf("%s: %+v, want %+v", name, got, c.want)
				}
			}
		})
	}
}

// TestHostile opens headers that claim too much. None of them may cost memory.
func TestHostile(t *testing.T) {
	d := &dump{machine: 62, uname: "x86_64", block: 4096, pages: map[uint64][]byte{0: make([]byte, 4096)}}
	edit := func(b []byte, at int, v uint64) []byte {
		b = bytes.Clone(b)
		binary.LittleEndian.PutUint64(b[at:], v)
		return b
	}
	elf, packed := d.elf(), d.kdump(packings["zlib"])
	flat := flatten(packed, 4096)
	cases := map[string][]byte{
		"notes of 2^60":     edit(elf, 64+32, 1<<60),
		"segment of 2^60":   edit(elf, 64+56+32, 1<<60),
		"offset of 2^63":    edit(elf, 64+56+8, 1<<63),
		"headers at 2^62":   edit(elf, 32, 1<<62),
		"2^60 pages":        edit(packed, 4096+96, 1<<60),
		"notes of a kdump":  edit(edit(packed, 4096+56, 1<<40), 4096+48, 8192),
		"VMCOREINFO of one": edit(edit(packed, 4096+40, 1<<27), 4096+32, 8192),
		"2^31 bitmaps":      edit(packed, kdumpHeader64+8, 0xffffffff_00000001),
		"empty":             nil,
		"text":              []byte(strings.Repeat("kernel", 100)),
		"an object file":    edit(elf, 16, 0x3e0001),
		"a piece of 2^62":   append(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(flat[:4096:4096], 0), 1<<62), flat[4096:]...),
		"a piece at 2^62":   append(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(flat[:4096:4096], 1<<62), 16), flat[4096:]...),
	}
	for name, b := range cases {
		var m *Image
		var err error
		allocated := testing.AllocsPerRun(1, func() { m, err = openBytes(t, b) })
		if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTruncated) {
			t.Errorf("%s: %v, %v", name, m, err)
		}
		if allocated > 1000 {
			t.Errorf("%s: %v allocations", name, allocated)
		}
		if testing.Verbose() {
			fmt.Println(name+":", err)
		}
	}
}
