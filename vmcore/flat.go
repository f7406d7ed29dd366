// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
)

// The flattened format is how makedumpfile and QEMU write a file into a pipe: pieces of it, in
// any order, each with the offset where it belongs. A later piece replaces what earlier
// ones have at the same place.

const (
	flatMagic  = "makedumpfile\x00\x00\x00\x00"
	flatHeader = 4096
)

func isFlat(magic []byte) bool { return bytes.HasPrefix(magic, []byte(flatMagic)) }

// A piece is a part of a flattened file.
type piece struct {
	offset, size int64 // where it belongs
	at           int64 // where it is
}

// A flattened file is the one that its pieces make up.
type flattened struct {
	pieces []piece // sorted by offset, without overlaps
	size   int64   // of the file that they make up
	total  int64   // of the pieces
}

// readFlat returns the pieces of a flattened file.
func readFlat(f *file) (*flattened, error) {
	head := make([]byte, 32)
	if err := f.readAt(head, 0); err != nil {
		return nil, err
	}
	if kind, version := binary.BigEndian.Uint64(head[16:]), binary.BigEndian.Uint64(head[24:]); kind != 1 || version != 1 {
		return nil, fmt.Errorf("%w: the flattened format of type %d, version %d", ErrFormat, kind, version)
	}
	var pieces []piece
	var header [16]byte
	overlap := false
	end := int64(0)
	// A small buffer: most of the file is skipped.
	section := io.NewSectionReader(f.f, flatHeader, math.MaxInt64-flatHeader)
	reader := bufio.NewReaderSize(section, 4096)
	for at := int64(flatHeader); ; {
		if f.raw != nil {
			if err := f.readAt(header[:], at); err != nil {
				return nil, err
			}
		} else if _, err := io.ReadFull(reader, header[:]); err != nil {
			return nil, fmt.Errorf("%w: the end of the flattened format is missing (try: copy it again)", ErrTruncated)
		}
		offset, size := int64(binary.BigEndian.Uint64(header[:])), int64(binary.BigEndian.Uint64(header[8:]))
		if offset == -1 && size == -1 {
			break
		}
		at += int64(len(header))
		if offset < 0 || size < 0 || offset > math.MaxInt64-size {
			return nil, fmt.Errorf("%w: a piece of %d bytes for %d in the flattened format", ErrFormat, size, offset)
		}
		if err := f.holds(uint64(at), uint64(size)); err != nil {
			return nil, err
		}
		if size > 0 {
			overlap = overlap || offset < end
			end = max(end, offset+size)
			pieces = append(pieces, piece{offset, size, at})
		}
		at += size
		if f.raw == nil {
			if size <= int64(reader.Buffered()) {
				reader.Discard(int(size))
			} else {
				section.Seek(at-flatHeader, io.SeekStart)
				reader.Reset(section)
			}
		}
	}
	if overlap {
		pieces = uncover(pieces)
	}
	flat := &flattened{pieces: pieces, size: end}
	for _, p := range pieces {
		flat.total += p.size
	}
	return flat, nil
}

// covering are pieces at one place of the file, the last one that was written first.
type covering []piece

func (c covering) Len() int           { return len(c) }
func (c covering) Less(i, j int) bool { return c[i].at > c[j].at }
func (c covering) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *covering) Push(x any)        { *c = append(*c, x.(piece)) }
func (c *covering) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// uncover returns the parts of pieces that no later piece replaces.
func uncover(pieces []piece) []piece {
	slices.SortFunc(pieces, func(a, b piece) int { return compare(uint64(a.offset), uint64(b.offset)) })
	// Between two of the bounds, the same piece is on top.
	bounds := make([]int64, 0, 2*len(pieces))
	for _, p := range pieces {
		bounds = append(bounds, p.offset, p.offset+p.size)
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	var visible []piece
	var top covering
	next := 0
	for i, from := range bounds[:len(bounds)-1] {
		for ; next < len(pieces) && pieces[next].offset == from; next++ {
			heap.Push(&top, pieces[next])
		}
		for len(top) > 0 && top[0].offset+top[0].size <= from {
			heap.Pop(&top)
		}
		if len(top) == 0 {
			continue
		}
		p := top[0]
		part := piece{from, bounds[i+1] - from, p.at + from - p.offset}
		if n := len(visible); n > 0 && visible[n-1].offset+visible[n-1].size == part.offset && visible[n-1].at+visible[n-1].size == part.at {
			visible[n-1].size += part.size
			continue
		}
		visible = append(visible, part)
	}
	return visible
}

// readBy reads the file that the pieces make up.
func (f *flattened) readBy(read func(p []byte, offset int64) error, p []byte, offset int64) error {
	if offset < 0 {
		return fmt.Errorf("%w: an offset of %#x", ErrFormat, offset)
	}
	i := sort.Search(len(f.pieces), func(i int) bool { return f.pieces[i].offset+f.pieces[i].size > offset })
	for len(p) > 0 {
		if i == len(f.pieces) || f.pieces[i].offset > offset {
			return fmt.Errorf("%w: no piece of the flattened format is for %d", ErrFormat, offset)
		}
		skip := offset - f.pieces[i].offset
		n := min(int64(len(p)), f.pieces[i].size-skip)
		if err := read(p[:n], f.pieces[i].at+skip); err != nil {
			return err
		}
		p, offset = p[n:], offset+n
		i++
	}
	return nil
}
