// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// zlibbed packs b.
func zlibbed(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// zstdRaw makes a Zstandard frame of b without compression: magic number, a
// header with the content size, one raw block (RFC 8878, 3.1.1).
func zstdRaw(b []byte) []byte {
	out := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x20, byte(len(b))}
	head := uint32(len(b))<<3 | 1
	return append(append(out, byte(head), byte(head>>8), byte(head>>16)), b...)
}

// chdr makes a compression header.
func chdr(class elf.Class, order byteOrder, kind elf.CompressionType, size uint64) []byte {
	b := order.AppendUint32(nil, uint32(kind))
	if class == elf.ELFCLASS32 {
		return order.AppendUint32(order.AppendUint32(b, uint32(size)), 1)
	}
	b = order.AppendUint32(b, 0)
	return order.AppendUint64(order.AppendUint64(b, size), 1)
}

func TestDebugCompressed(t *testing.T) {
	plain := []byte("debugging information, debugging information")
	n := uint64(len(plain))
	little, big := binary.LittleEndian, binary.BigEndian
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	gnu := func(size uint64, b []byte) []byte {
		return join([]byte("ZLIB"), big.AppendUint64(nil, size), b)
	}
	tests := []struct {
		name    string
		section string
		flags   elf.SectionFlag
		class   elf.Class
		order   byteOrder
		data    []byte
		want    []byte
		err     bool
	}{
		{"not compressed", ".debug_info", 0, elf.ELFCLASS64, little, plain, plain, false},
		{"zlib", ".debug_info", elf.SHF_COMPRESSED, elf.ELFCLASS64, little, join(chdr(elf.ELFCLASS64, little, elf.COMPRESS_ZLIB, n), zlibbed(t, plain)), plain, false},
		{"zlib 32 bit big-endian", ".debug_info", elf.SHF_COMPRESSED, elf.ELFCLASS32, big, join(chdr(elf.ELFCLASS32, big, elf.COMPRESS_ZLIB, n), zlibbed(t, plain)), plain, false},
		{"zstd", ".debug_info", elf.SHF_COMPRESSED, elf.ELFCLASS64, little, join(chdr(elf.ELFCLASS64, little, elf.COMPRESS_ZSTD, n), zstdRaw(plain)), plain, false},
		{"zstd big-endian", ".debug_info", elf.SHF_COMPRESSED, elf.ELFCLASS64, big, join(chdr(elf.ELFCLASS64, big, elf.COMPRESS_ZSTD, n), zstdRaw(plain)), plain, false},
		{"GNU", ".zdebug_info", 0, elf.ELFCLASS64, little, gnu(n, zlibbed(t, plain)), plain, false},
		{"GNU, not worth it", ".zdebug_info", 0, elf.ELFCLASS64, little, plain, plain, false},
		{"unknown kind", ".debug_info", elf.SHF_COMPRESSED, elf.ELFCLASS64, little, join(chdr(elf.ELFCLASS64, little, 7, n), plain), nil, true},
		{"header cut off", ".debug_info", elf.SHF_COMPRESSED, elf.ELFCLASS64, little, chdr(elf.ELFCLASS64, little, elf.COMPRESS_ZLIB, n)[:20], nil, true},
		{"less than declared", ".debug_info", elf.SHF_COMPRESSED, elf.ELFCLASS64, little, join(chdr(elf.ELFCLASS64, little, elf.COMPRESS_ZLIB, n+1), zlibbed(t, plain)), nil, true},
		{"zstd less than declared", ".debug_info", elf.SHF_COMPRESSED, elf.ELFCLASS64, little, join(chdr(elf.ELFCLASS64, little, elf.COMPRESS_ZSTD, n+1), zstdRaw(plain)), nil, true},
		{"huge size declared", ".debug_info", elf.SHF_COMPRESSED, elf.ELFCLASS64, little, join(chdr(elf.ELFCLASS64, little, elf.COMPRESS_ZLIB, 1<<60), zlibbed(t, plain)), nil, true},
		{"large size declared", ".zdebug_info", 0, elf.ELFCLASS64, little, gnu(1<<30, zlibbed(t, plain)), nil, true},
		{"bomb", ".zdebug_info", 0, elf.ELFCLASS64, little, gnu(4<<20, zlibbed(t, make([]byte, 4<<20))), nil, true},
		{"no zlib stream", ".zdebug_info", 0, elf.ELFCLASS64, little, gnu(n, plain), nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := objectSpec{class: tt.class, order: tt.order, machine: elf.EM_X86_64, typ: elf.ET_EXEC,
				sections: []sectionSpec{{name: tt.section, typ: elf.SHT_PROGBITS, flags: tt.flags, data: tt.data}}}
			d, err := o.open(t).Debug("info")
			if (err != nil) != tt.err {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tt.want, d.Bytes()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDebugAbsent(t *testing.T) {
	o := x86Object()
	o.sections = []sectionSpec{{name: ".debug_line", typ: elf.SHT_NOBITS, size: 100}}
	f := o.open(t)
	for _, name := range []string{"info", "line"} {
		if d, err := f.Debug(name); d != nil || err != nil {
			t.Errorf("%s: got %v, %v", name, d, err)
		}
	}
}

func TestDebugRelocatedCompressed(t *testing.T) {
	o := relocObject(x86Object(), elf.SHT_RELA, nil, []relocSpec{{8, symText, 1, 5}})
	o.sections[1].flags = elf.SHF_COMPRESSED
	o.sections[1].data = append(chdr(elf.ELFCLASS64, o.order, elf.COMPRESS_ZLIB, 16), zlibbed(t, make([]byte, 16))...)
	d, err := o.open(t).Debug("info")
	if err != nil {
		t.Fatal(err)
	}
	if v, st, err := d.Uint(8, 8); v != firstAddr+5 || st != Done || err != nil {
		t.Errorf("got %#x, %v, %v", v, st, err)
	}
}
