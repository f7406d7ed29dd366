// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// maxRatio is the largest allowed ratio of a section's size to its compressed size.
// Debug sections shrink to about a fourth; this leaves room for odd ones.
const maxRatio = 256

// decompress unpacks a section that has an ELF compression header.
func (f *File) decompress(b []byte) ([]byte, error) {
	var kind elf.CompressionType
	var size uint64
	header := 24
	if f.Class == elf.ELFCLASS32 {
		header = 12
	}
	if len(b) < header {
		return nil, fmt.Errorf("%w: compression header cut off", ErrFormat)
	}
	kind = elf.CompressionType(f.Order.Uint32(b))
	if f.Class == elf.ELFCLASS32 {
		size = uint64(f.Order.Uint32(b[4:]))
	} else {
		size = f.Order.Uint64(b[8:])
	}
	b = b[header:]
	switch kind {
	case elf.COMPRESS_ZLIB:
		return inflate(b, size)
	case elf.COMPRESS_ZSTD:
		r, err := NewZstdReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return readSized(r, size, len(b))
	}
	return nil, fmt.Errorf("compression type %d: %w", kind, errors.ErrUnsupported)
}

// decompressGNU unpacks a .zdebug section.
func decompressGNU(b []byte) ([]byte, error) {
	if len(b) < 12 || string(b[:4]) != "ZLIB" {
		// Tools leave a section uncompressed if compression would not shrink it.
		return b, nil
	}
	return inflate(b[12:], binary.BigEndian.Uint64(b[4:]))
}

func inflate(b []byte, size uint64) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return readSized(r, size, len(b))
}

// readSized reads the size bytes that packed bytes must yield. Memory grows with the
// bytes that are read, not with the size that a header promises.
func readSized(r io.Reader, size uint64, packed int) ([]byte, error) {
	if size > (uint64(packed)+4096)*maxRatio || size > math.MaxInt32 {
		return nil, fmt.Errorf("%w: %d compressed bytes for %d", ErrFormat, packed, size)
	}
	b := make([]byte, 0, min(size, uint64(packed)*8+512))
	for {
		if uint64(len(b)) == size {
			return b, nil
		}
		if len(b) == cap(b) {
			grown := make([]byte, len(b), min(size, uint64(cap(b))*2))
			copy(grown, b)
			b = grown
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil && uint64(len(b)) < size {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("compressed contents: %w", err)
		}
	}
}
