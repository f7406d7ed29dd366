// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"encoding/binary"
	"encoding/hex"
)

// A note of an ELF file.
type note struct {
	name string
	kind uint32
	desc []byte
}

// maxNotes is the largest size of the notes of a dump, in bytes: a few KiB for each
// processor.
const maxNotes = 256 << 20

// parseNotes returns the notes in b. They end with the first one that does not fit.
func parseNotes(b []byte, order binary.ByteOrder) []note {
	const header = 12
	var notes []note
	for len(b) >= header {
		nameSize, descSize := uint64(order.Uint32(b)), uint64(order.Uint32(b[4:]))
		kind := order.Uint32(b[8:])
		desc := header + (nameSize+3)&^3
		end := desc + descSize
		if end > uint64(len(b)) {
			break
		}
		name := b[header : header+nameSize]
		for len(name) > 0 && name[len(name)-1] == 0 {
			name = name[:len(name)-1]
		}
		// The kernel fills up the room for the notes of processors with empty ones.
		if len(name) > 0 || descSize > 0 {
			notes = append(notes, note{string(name), kind, b[desc:end]})
		}
		b = b[min((end+3)&^3, uint64(len(b))):]
	}
	return notes
}

// archOfNotes returns the architecture that the registers of processors are of, as Go
// calls it: their note, struct elf_prstatus, has another size on each.
func archOfNotes(notes []note) string {
	const ntPrstatus = 1
	for _, n := range notes {
		if n.name != "CORE" || n.kind != ntPrstatus {
			continue
		}
		switch len(n.desc) {
		case 336:
			return "amd64"
		case 392:
			return "arm64"
		case 144:
			return "386"
		}
	}
	return ""
}

// registers are those of a processor that tell of the page tables.
type registers struct{ cr3, cr4 uint64 }

// qemuRegisters returns the registers of x86 processors from QEMU's notes:
// struct QEMUCPUState of target/i386/arch_dump.c.
func qemuRegisters(notes []note) []registers {
	const (
		size = 440
		cr   = 8 + 18*8 + 10*24
	)
	var all []registers
	for _, n := range notes {
		if n.name != "QEMU" || n.kind != 0 || len(n.desc) < size || binary.LittleEndian.Uint32(n.desc) != 1 {
			continue
		}
		all = append(all, registers{
			cr3: binary.LittleEndian.Uint64(n.desc[cr+3*8:]),
			cr4: binary.LittleEndian.Uint64(n.desc[cr+4*8:]),
		})
	}
	return all
}

// gnuBuildID returns the build ID of the first note that has one, in hexadecimal.
func gnuBuildID(notes []note) string {
	const ntGNUBuildID = 3
	for _, n := range notes {
		if n.name == "GNU" && n.kind == ntGNUBuildID && len(n.desc) > 0 && len(n.desc) <= 64 {
			return hex.EncodeToString(n.desc)
		}
	}
	return ""
}
