// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"math"
)

// fastZstd is nil in programs for initramfs.
var fastZstd func(io.Reader) (io.ReadCloser, error)

// NewZstdReader returns a reader of what is packed in r with Zstandard. The largest window,
// which is how far back the data may refer, is 64 MiB, or 8 MiB in programs for initramfs.
func NewZstdReader(r io.Reader) (io.ReadCloser, error) {
	if fastZstd != nil {
		return fastZstd(r)
	}
	return newSectionReader(r)
}

// newSectionReader needs none of the 300 kB of fastZstd, and more time: the standard library
// unpacks Zstandard, but offers it for sections of ELF files alone, so r becomes one.
func newSectionReader(r io.Reader) (io.ReadCloser, error) {
	const names, section, endless = 64 + 2*64, 64 + 2*64 + 1, math.MaxInt64 - 1<<10
	put16, put32, put64 := binary.LittleEndian.PutUint16, binary.LittleEndian.PutUint32, binary.LittleEndian.PutUint64
	head := make([]byte, section+24)
	copy(head, elf.ELFMAG+string([]byte{byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)}))
	put16(head[16:], uint16(elf.ET_REL))
	put32(head[20:], uint32(elf.EV_CURRENT))
	put64(head[40:], 64) // where the headers of sections are, of which there are two, of 64 bytes
	put16(head[58:], 64)
	put16(head[60:], 2)
	put32(head[64+4:], uint32(elf.SHT_STRTAB))
	put64(head[64+24:], names)
	put64(head[64+32:], 1)
	put32(head[128+4:], uint32(elf.SHT_PROGBITS))
	put64(head[128+8:], uint64(elf.SHF_COMPRESSED))
	put64(head[128+24:], section)
	put64(head[128+32:], endless)
	put32(head[section:], uint32(elf.COMPRESS_ZSTD))
	put64(head[section+8:], endless)
	put64(head[section+16:], 1)
	f, err := elf.NewFile(&inOrder{head: head, rest: r})
	if err != nil {
		return nil, err
	}
	return io.NopCloser(f.Sections[1].Open()), nil
}

// inOrder has the bytes of a reader behind others. Those are read in order.
type inOrder struct {
	head []byte
	rest io.Reader
	read int64 // bytes of rest
}

// ReadAt is called with offsets that never decrease behind the head.
func (f *inOrder) ReadAt(p []byte, off int64) (int, error) {
	if n := int64(len(f.head)); off < n {
		if have := copy(p, f.head[off:]); have == len(p) {
			return have, nil
		} else {
			more, err := f.ReadAt(p[have:], n)
			return have + more, err
		}
	} else if off -= n; off > f.read { // a frame to skip
		skipped, err := io.CopyN(io.Discard, f.rest, off-f.read)
		if f.read += skipped; err != nil {
			return 0, err
		}
	}
	n, err := io.ReadFull(f.rest, p)
	f.read += int64(n)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}
