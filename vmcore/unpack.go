// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// How a page is packed: the flags of its descriptor.
const (
	packedZlib   = 1 << 0
	packedLZO    = 1 << 1
	packedSnappy = 1 << 2
	packedZstd   = 1 << 5
	packedAny    = packedZlib | packedLZO | packedSnappy | packedZstd
)

// An unpacker unpacks pages, one at a time.
type unpacker struct {
	packed []byte
	source bytes.Reader
	zlib   io.ReadCloser
	zstd   *zstd.Decoder
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// buffer returns room for a packed page.
func (u *unpacker) buffer(n int) []byte {
	if cap(u.packed) < n {
		u.packed = make([]byte, n)
	}
	return u.packed[:n]
}

var errSize = errors.New("unpacks to another size than that of a page")

// unpack fills page with what packed unpacks to.
func (u *unpacker) unpack(page, packed []byte, flags uint32) error {
	switch flags & packedAny {
	case packedZlib:
		return u.unpackZlib(page, packed)
	case packedSnappy:
		if n, err := s2.DecodedLen(packed); err != nil || n != len(page) {
			return errors.Join(err, errSize)
		}
		_, err := s2.Decode(page, packed)
		return err
	case packedZstd:
		if u.zstd == nil {
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxBlock))
			if err != nil {
				return err
			}
			u.zstd = d
		}
		b, err := u.zstd.DecodeAll(packed, page[:0])
		if err == nil && (len(b) != len(page) || &b[0] != &page[0]) {
			err = errSize
		}
		return err
	case packedLZO:
		return unpackLZO(page, packed)
	}
	return fmt.Errorf("packed in an unknown way, %#x", flags)
}

func (u *unpacker) unpackZlib(page, packed []byte) (err error) {
	u.source.Reset(packed)
	if u.zlib == nil {
		u.zlib, err = zlib.NewReader(&u.source)
	} else {
		err = u.zlib.(zlib.Resetter).Reset(&u.source, nil)
	}
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(u.zlib, page); err != nil {
		return err
	}
	// The checksum comes with the end.
	var more [1]byte
	if n, err := u.zlib.Read(more[:]); n != 0 || err != io.EOF {
		return errors.Join(err, errSize)
	}
	return nil
}
