// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
)

// exercise reads all that an image has.
func exercise(t *testing.T, m *Image, symbols map[string]uint64) {
	if f, err := facts(m, symbols); err == nil && f.Banner == "" {
		t.Error("relocated without a banner")
	}
	total := uint64(0)
	end := uint64(0)
	for r := range m.Ranges() {
		if r.Size == 0 || r.Addr < end {
			t.Fatalf("range %+v after %#x", r, end)
		}
		end = r.Addr + r.Size
		if total += r.Size; total > 64<<20 {
			return // an ELF file cannot, but bitmaps can be large
		}
	}
	_ = m.Scan(context.Background(), func(addr uint64, b []byte) {
		if len(b) == 0 || len(b) > scanChunk {
			t.Errorf("a chunk of %d bytes", len(b))
		}
	})
}

// FuzzMutated changes bytes of real dumps.
func FuzzMutated(f *testing.F) {
	d, symbols := realDump(f, "6.1-x86_64-qemu", 4096)
	arm, armSymbols := realDump(f, "6.12-arm64-qemu", 4096)
	files := [][]byte{d.elf(), flatten(d.elf(), 4096)}
	for _, packing := range []string{"plain", "zlib", "snappy", "zstd"} {
		files = append(files, d.kdump(packings[packing]))
	}
	files = append(files, fixture(f, "testdata/6.1-x86_64-makedumpfile-lzo"))
	of := len(files)
	files = append(files, arm.elf())
	f.Add(uint8(0), []byte{})
	f.Add(uint8(2), []byte{0, 1, 176, 0xff})
	f.Add(uint8(6), []byte{0, 0x80, 0, 0xff, 0, 0x90, 1, 17})
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		i := int(which) % len(files)
		b := bytes.Clone(files[i])
		// Each edit is a place in three bytes and a value in one.
		for ; len(edits) >= 4; edits = edits[4:] {
			b[int(binary.BigEndian.Uint32(edits)>>8)%len(b)] = edits[3]
		}
		if len(edits) > 0 {
			b = b[:len(b)*int(edits[0])/256]
		}
		if m, err := openBytes(t, b); err == nil {
			if i < of {
				exercise(t, m, symbols)
			} else {
				exercise(t, m, armSymbols)
			}
		}
	})
}

// FuzzOpen opens arbitrary bytes.
func FuzzOpen(f *testing.F) {
	d := &dump{machine: 62, uname: "x86_64", block: 4096, pages: map[uint64][]byte{0: make([]byte, 4096)}}
	f.Add(d.elf())
	f.Add(d.kdump(packings["zlib"]))
	f.Add(flatten(d.kdump(packings["snappy"]), 5000))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := openBytes(t, b); err == nil {
			exercise(t, m, map[string]uint64{"linux_banner": 0xffffffff81000000})
		}
	})
}

// FuzzNotes reads arbitrary notes and VMCOREINFO.
func FuzzNotes(f *testing.F) {
	f.Add(rawNotes([]note{{"CORE", 1, make([]byte, 336)}, {"QEMU", 0, make([]byte, 440)}, {"GNU", 3, []byte("build")}}))
	f.Add([]byte("OSRELEASE=6.1\nPAGESIZE=4096\nNUMBER(phys_base)=-1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		notes := parseNotes(b, binary.LittleEndian)
		qemuRegisters(notes)
		gnuBuildID(notes)
		archOfNotes(notes)
		v := parseVmcoreinfo(b)
		v.number("phys_base")
		v.symbol("_stext")
	})
}
