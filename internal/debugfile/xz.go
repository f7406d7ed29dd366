// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
	"slices"

	"github.com/ulikunitz/xz/lzma"

	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/sha256"
)

// xzReader reads the blocks of an .xz file. It parses the file format itself: package
// xz would allocate the size in a block's header, which is up to 4 GiB. See "The .xz
// File Format", version 1.2.1, https://tukaani.org/xz/xz-file-format.txt.
type xzReader struct {
	r     *bufio.Reader
	limit int64 // no more will be read
	check func() hash.Hash
	block io.Reader // nil between blocks
	read  int64     // packed bytes of the block
	sum   hash.Hash // of the block's contents; nil if it has no check
	done  bool

	unpacked, windows int64 // bytes of all blocks
}

var xzMagic = []byte{0xfd, '7', 'z', 'X', 'Z', 0}

// newXZReader reads the header of an .xz file.
func newXZReader(r io.Reader, limit int64) (io.ReadCloser, error) {
	x := &xzReader{r: bufio.NewReader(r), limit: limit}
	if err := x.stream(); err != nil {
		return nil, err
	}
	return x, nil
}

// stream reads the header of a stream.
func (x *xzReader) stream() error {
	head := make([]byte, 12)
	if _, err := io.ReadFull(x.r, head); err != nil {
		return err
	}
	if !bytes.HasPrefix(head, xzMagic) || binary.LittleEndian.Uint32(head[8:]) != crc32.ChecksumIEEE(head[6:8]) || head[6] != 0 {
		return fmt.Errorf("%w: xz header", kobj.ErrFormat)
	}
	switch head[7] {
	case 0:
		x.check = nil
	case 1:
		x.check = func() hash.Hash { return crc32.NewIEEE() }
	case 4:
		x.check = func() hash.Hash { return crc64.New(crc64.MakeTable(crc64.ECMA)) }
	case 10:
		x.check = sha256.New
	default:
		return fmt.Errorf("xz check %d: %w", head[7], errors.ErrUnsupported)
	}
	return nil
}

func (x *xzReader) Close() error { return nil }

// Read returns the contents of the blocks, one after the other.
func (x *xzReader) Read(p []byte) (int, error) {
	for {
		if x.done {
			return 0, io.EOF
		}
		if x.block == nil {
			if err := x.open(); err != nil {
				return 0, cutOff(err)
			}
			continue
		}
		n, err := x.block.Read(p)
		x.unpacked += int64(n)
		if x.sum != nil {
			_, _ = x.sum.Write(p[:n])
		}
		if err == io.EOF {
			x.block = nil
			err = cutOff(x.end())
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// cutOff makes the end of the file an error: only the index ends the packed data.
func cutOff(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// open reads the header of the next block. If the index follows, there is none in this
// stream.
func (x *xzReader) open() error {
	size, err := x.r.ReadByte()
	if err != nil {
		return err
	}
	if size == 0 {
		if x.done = !x.next(); x.done {
			return nil
		}
		return x.stream()
	}
	head := make([]byte, (int(size)+1)*4)
	head[0] = size
	if _, err := io.ReadFull(x.r, head[1:]); err != nil {
		return err
	}
	body, sum := head[:len(head)-4], head[len(head)-4:]
	if binary.LittleEndian.Uint32(sum) != crc32.ChecksumIEEE(body) {
		return fmt.Errorf("%w: xz block header", kobj.ErrFormat)
	}
	flags, rest := body[1], body[2:]
	for _, flag := range [...]byte{0x40, 0x80} { // sizes, packed and unpacked
		if flags&flag != 0 {
			_, n := binary.Uvarint(rest)
			if n <= 0 {
				return fmt.Errorf("%w: xz block header", kobj.ErrFormat)
			}
			rest = rest[n:]
		}
	}
	window, filters, err := parseFilters(flags, rest)
	if err != nil {
		return err
	}
	if window > maxWindow {
		return fmt.Errorf("%w: xz window of %d bytes, more than %d", kobj.ErrFormat, window, maxWindow)
	}
	window = max(min(window, x.limit), lzma.MinDictCap)
	if x.windows += window + int64(len(filters))*filterBuffer; x.windows > max(maxWindows, 8*x.unpacked) {
		return fmt.Errorf("%w: xz windows of %d bytes for %d that were unpacked", kobj.ErrFormat, x.windows, x.unpacked)
	}
	x.read, x.sum = int64(len(head)), nil
	if x.check != nil {
		x.sum = x.check()
	}
	x.block, err = lzma.Reader2Config{DictCap: int(window)}.NewReader2(packed{x})
	for _, undo := range slices.Backward(filters) {
		x.block = newFiltered(x.block, undo)
	}
	return err
}

// next skips the index, whose first byte was read, the footer and the padding behind it.
// It reports whether another stream follows: one file may have several, as `cat` makes
// it. They add nothing else that is not known by then, so that one that is cut off or
// followed by something else is no error.
func (x *xzReader) next() bool {
	n := 1 // bytes of the index
	number := func() (uint64, error) {
		v, err := binary.ReadUvarint(counted{x.r, &n})
		return v, err
	}
	records, err := number()
	for i := uint64(0); err == nil && i < 2*records; i++ {
		_, err = number()
	}
	if err != nil {
		return false
	}
	if _, err := x.r.Discard(-n&3 + 4 + 12); err != nil { // padding, checksum, footer
		return false
	}
	for {
		b, err := x.r.Peek(4)
		if err != nil || !bytes.Equal(b, make([]byte, 4)) {
			break
		}
		_, _ = x.r.Discard(4)
	}
	b, _ := x.r.Peek(len(xzMagic))
	return bytes.Equal(b, xzMagic)
}

// counted counts the bytes that are read.
type counted struct {
	r *bufio.Reader
	n *int
}

// ReadByte implements [io.ByteReader].
func (c counted) ReadByte() (byte, error) {
	*c.n++
	return c.r.ReadByte()
}

// packed is the input of a block, and counts it.
type packed struct{ x *xzReader }

// Read implements [io.Reader].
func (p packed) Read(b []byte) (int, error) {
	n, err := p.x.r.Read(b)
	p.x.read += int64(n)
	return n, err
}

// end reads the padding of a block to four bytes, and its check.
func (x *xzReader) end() error {
	tail := make([]byte, -x.read&3)
	if _, err := io.ReadFull(x.r, tail); err != nil {
		return err
	}
	if x.sum == nil {
		return nil
	}
	want := make([]byte, x.sum.Size())
	if _, err := io.ReadFull(x.r, want); err != nil {
		return err
	}
	if len(want) <= 8 {
		slices.Reverse(want) // the format has CRCs in little-endian order
	}
	if !bytes.Equal(x.sum.Sum(nil), want) {
		return fmt.Errorf("%w: xz checksum", kobj.ErrFormat)
	}
	return nil
}
