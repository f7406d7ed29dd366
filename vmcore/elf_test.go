// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExtendedHeaders reads a core with more program headers than an ELF header can count.
func TestExtendedHeaders(t *testing.T) {
	d := numbered(1, 3, 5)
	d.notes = rawNotes([]note{{"CORE", 1, make([]byte, 336)}})
	b := d.elf()
	count := binary.LittleEndian.Uint16(b[56:])
	section := make([]byte, 64)
	binary.LittleEndian.PutUint32(section[44:], uint32(count))
	binary.LittleEndian.PutUint16(b[56:], 0xffff)
	binary.LittleEndian.PutUint64(b[40:], uint64(len(b)))
	m, err := openBytes(t, append(b, section...))
	if err != nil {
		t.Fatal(err)
	}
	want := []Range{{1 << 12, 1 << 12}, {3 << 12, 1 << 12}, {5 << 12, 1 << 12}}
	if diff := cmp.Diff(want, slices.Collect(m.Ranges())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestSegments reads cores whose segments are odd.
func TestSegments(t *testing.T) {
	d := numbered(1, 3, 5)
	d.notes = rawNotes([]note{{"CORE", 1, make([]byte, 336)}})
	const (
		first = 64 + 56
		next  = 56
	)
	edit := func(edits ...uint64) []byte {
		b := d.elf()
		for i := 0; i < len(edits); i += 2 {
			binary.LittleEndian.PutUint64(b[edits[i]:], edits[i+1])
		}
		return b
	}
	offset := binary.LittleEndian.Uint64(d.elf()[first+8:])
	for _, c := range []struct {
		name  string
		b     []byte
		pages []uint64
		err   error
	}{
		{"as they are", d.elf(), []uint64{1, 3, 5}, nil},
		{"excluded pages behind", edit(first+40, 4*smallestPage), []uint64{1, 3, 5}, nil},
		{"nothing in the file", edit(first+32, 0), []uint64{3, 5}, nil},
		{"memory twice, as /proc/vmcore has the kernel", edit(first+next+24, 1<<12), []uint64{1, 5}, nil},
		{"the same bytes of the file", edit(first+next+8, offset+8), nil, ErrFormat},
		{"more in the file than in memory", edit(first+40, 8), nil, ErrFormat},
		{"no physical address", edit(first+24, noPhys), []uint64{3, 5}, nil},
		{"behind the end", edit(first+8, 1<<40), nil, ErrTruncated},
	} {
		m, err := openBytes(t, c.b)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		var got []uint64
		for page := range uint64(10) {
			var b [8]byte
			if err := m.ReadPhys(b[:], page*smallestPage); err == nil {
				got = append(got, page)
			} else if !errors.Is(err, ErrAbsent) {
				t.Errorf("%s: page %d: %v", c.name, page, err)
			}
		}
		if diff := cmp.Diff(c.pages, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

// TestBigEndian opens a core of another byte order.
func TestBigEndian(t *testing.T) {
	b := bytes.Clone(numbered(1).elf())
	b[5] = 2
	if m, err := openBytes(t, b); !errors.Is(err, ErrFormat) {
		t.Errorf("%v, %v", m, err)
	}
}

// TestManyNotes has headers that all name the same bytes, and headers that are not there.
func TestManyNotes(t *testing.T) {
	const count = 2000
	b := make([]byte, 64+56*count)
	copy(b, "\x7fELF\x02\x01\x01")
	le := binary.LittleEndian
	le.PutUint16(b[16:], uint16(elf.ET_CORE))
	le.PutUint16(b[18:], uint16(elf.EM_X86_64))
	le.PutUint64(b[32:], 64)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], count)
	for i := range count {
		h := b[64+56*i:]
		le.PutUint32(h, uint32(elf.PT_NOTE))
		le.PutUint64(h[32:], uint64(len(b)))
	}
	for _, size := range []int{len(b), 64} {
		if _, err := openBytes(t, b[:size]); !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
