// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"debug/elf"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// code is assembled from ints, which are one byte each, and the named types.
type (
	u16  uint16
	u32  uint32
	u64  uint64
	uleb uint64
	sleb int64
)

// bytesOf encodes parts little-endian; strings get a NUL.
func bytesOf(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case u16:
			b = binary.LittleEndian.AppendUint16(b, uint16(p))
		case u32:
			b = binary.LittleEndian.AppendUint32(b, uint32(p))
		case u64:
			b = binary.LittleEndian.AppendUint64(b, uint64(p))
		case uleb:
			b = binary.AppendUvarint(b, uint64(p))
		case sleb:
			b = appendSLEB(b, int64(p))
		case string:
			b = append(append(b, p...), 0)
		case []byte:
			b = append(b, p...)
		default:
			panic(p)
		}
	}
	return b
}

func appendSLEB(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// sized prepends the length of a unit.
func sized(parts ...any) []byte {
	b := bytesOf(parts...)
	return append(bytesOf(u32(len(b))), b...)
}

// unit4 makes a DWARF 4 unit of 64 bits whose abbreviations are at offset 0.
func unit4(entries ...any) []byte { return sized(u16(4), u32(0), 8, bytesOf(entries...)) }

// linked makes a Data of a linked file with 4096 bytes of code at 0x10000 and the given
// debug sections.
func linked(t testing.TB, debug map[string][]byte) *Data {
	t.Helper()
	type section struct {
		name string
		kind elf.SectionType
		body []byte
	}
	list := []section{{}, {".text", elf.SHT_PROGBITS, make([]byte, 4096)}}
	for _, name := range slices.Sorted(maps.Keys(debug)) {
		list = append(list, section{".debug_" + name, elf.SHT_PROGBITS, debug[name]})
	}
	var names, body []byte
	list = append(list, section{".shstrtab", elf.SHT_STRTAB, nil})
	var headers []byte
	for i, s := range list {
		at := len(names)
		names = append(append(names, s.name...), 0)
		if i == len(list)-1 {
			s.body = names
		}
		flags, addr := elf.SectionFlag(0), uint64(0)
		if s.name == ".text" {
			flags, addr = elf.SHF_ALLOC|elf.SHF_EXECINSTR, 0x10000
		}
		headers = append(headers, bytesOf(u32(at), u32(s.kind), u64(flags), u64(addr), u64(64+len(body)), u64(len(s.body)),
			u32(0), u32(0), u64(1), u64(0))...)
		body = append(body, s.body...)
	}
	file := bytesOf([]byte(elf.ELFMAG), 2, 1, 1, make([]byte, 9), u16(elf.ET_EXEC), u16(elf.EM_X86_64), u32(1),
		u64(0), u64(0), u64(64+len(body)), u32(0), u16(64), u16(0), u16(0), u16(64), u16(len(list)), u16(len(list)-1),
		body, headers)
	f, err := kobj.New(file, t.Name())
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(f, alternates(f))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
