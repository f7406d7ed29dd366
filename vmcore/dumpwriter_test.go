// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"slices"
	"sync"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// A dump is memory to be written in one of the formats.
type dump struct {
	machine uint16 // of the ELF header
	uname   string // of kdump's
	notes   []byte
	block   uint64            // the size of a page of kdump
	pages   map[uint64][]byte // by physical address; of block bytes for kdump
}

func (d *dump) addrs() []uint64 {
	var all []uint64
	for addr := range d.pages {
		all = append(all, addr)
	}
	slices.Sort(all)
	return all
}

// elf writes an ELF core, with a segment for each run of pages. notes behind, as QEMU
// does: nothing in it is aligned.
func (d *dump) elf() []byte {
	type run struct {
		addr uint64
		data []byte
	}
	var runs []run
	for _, addr := range d.addrs() {
		if n := len(runs); n > 0 && runs[n-1].addr+uint64(len(runs[n-1].data)) == addr {
			runs[n-1].data = append(runs[n-1].data, d.pages[addr]...)
			continue
		}
		runs = append(runs, run{addr, slices.Clone(d.pages[addr])})
	}
	le := binary.LittleEndian
	b := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint16(b, d.machine)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint64(b, 64)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, 64)
	b = le.AppendUint16(b, 56)
	b = le.AppendUint16(b, uint16(1+len(runs)))
	b = append(b, make([]byte, 6)...)
	offset := uint64(64 + 56*(1+len(runs)))
	header := func(kind uint32, phys, size uint64) {
		b = le.AppendUint32(b, kind)
		b = le.AppendUint32(b, 0)
		for _, v := range []uint64{offset, 0, phys, size, size, 0} {
			b = le.AppendUint64(b, v)
		}
		offset += size
	}
	header(4, 0, uint64(len(d.notes)))
	for _, r := range runs {
		header(1, r.addr, uint64(len(r.data)))
	}
	b = append(b, d.notes...)
	for _, r := range runs {
		b = append(b, r.data...)
	}
	return b
}

// kdump writes the compressed format of makedumpfile. pack returns a page as it is packed, and
// the flag that says how.
func (d *dump) kdump(pack func(page []byte) ([]byte, uint32)) []byte {
	le := binary.LittleEndian
	wide := d.uname != "i686"
	addrs := d.addrs()
	pages := addrs[len(addrs)-1]/d.block + 1
	half := (pages + 8*d.block - 1) / (8 * d.block)
	head := append([]byte(kdumpMagic), make([]byte, d.block-8)...)
	le.PutUint32(head[8:], 6)
	copy(head[12+4*65:], d.uname)
	at := kdumpHeader64
	if !wide {
		at = kdumpHeader32
	}
	for i, v := range []uint32{1, uint32(d.block), 1, uint32(2 * half), uint32(min(pages, 1<<32-1))} {
		le.PutUint32(head[at+4*i:], v)
	}
	sub := make([]byte, d.block)
	noteAt := 2 * d.block
	noteBlocks := (uint64(len(d.notes)) + d.block - 1) / d.block
	if wide {
		le.PutUint64(sub[48:], noteAt)
		le.PutUint64(sub[56:], uint64(len(d.notes)))
		le.PutUint64(sub[96:], pages)
	} else {
		le.PutUint64(sub[32:], noteAt)
		le.PutUint32(sub[40:], uint32(len(d.notes)))
		le.PutUint64(sub[72:], pages)
	}
	le.PutUint32(head[at+8:], uint32(1+noteBlocks)) // the notes count as sub header
	b := append(head, sub...)
	b = append(b, d.notes...)
	b = append(b, make([]byte, noteBlocks*d.block-uint64(len(d.notes)))...)
	bitmap := make([]byte, half*d.block)
	for _, addr := range addrs {
		bitmap[addr/d.block/8] |= 1 << (addr / d.block % 8)
	}
	b = append(b, bitmap...)
	b = append(b, bitmap...)
	offset := uint64(len(b)) + uint64(len(addrs))*descSize
	var data []byte
	for _, addr := range addrs {
		packed, flag := pack(d.pages[addr])
		b = le.AppendUint64(b, offset+uint64(len(data)))
		b = le.AppendUint32(b, uint32(len(packed)))
		b = le.AppendUint32(b, flag)
		b = le.AppendUint64(b, 0)
		data = append(data, packed...)
	}
	return append(b, data...)
}

// The ways to pack a page.
var packings = map[string]func(page []byte) ([]byte, uint32){
	"plain": func(page []byte) ([]byte, uint32) { return page, 0 },
	"zlib": func(page []byte) ([]byte, uint32) {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		z.Write(page)
		z.Close()
		return b.Bytes(), packedZlib
	},
	"snappy": func(page []byte) ([]byte, uint32) { return s2.EncodeSnappy(nil, page), packedSnappy },
	"zstd":   func(page []byte) ([]byte, uint32) { return zstdEncoder().EncodeAll(page, nil), packedZstd },
}

var zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	return e
})

// flatten writes a file in the flattened format, in pieces of some size. The first piece
// comes twice, at first with other bytes: a writer that goes back does so.
func flatten(file []byte, size int) []byte {
	b := append([]byte(flatMagic), make([]byte, flatHeader-16)...)
	b[23], b[31] = 1, 1
	piece := func(offset int, data []byte) {
		b = binary.BigEndian.AppendUint64(b, uint64(offset))
		b = binary.BigEndian.AppendUint64(b, uint64(len(data)))
		b = append(b, data...)
	}
	piece(0, bytes.Repeat([]byte{0xee}, min(size, len(file))))
	for at := 0; at < len(file); at += size {
		piece(at, file[at:min(at+size, len(file))])
	}
	return append(b, bytes.Repeat([]byte{0xff}, 16)...)
}

// openBytes opens a dump that is in memory.
func openBytes(t testing.TB, b []byte) (*Image, error) {
	f := &file{name: t.Name(), size: int64(len(b)), raw: b}
	var m *Image
	err := guard(func() (err error) {
		m, err = open(f)
		return err
	})
	return m, err
}
