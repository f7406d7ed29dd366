// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// section is the contents of one debug section. The zero value is an empty section.
type section struct {
	name string
	b    []byte
	data *kobj.Data
	big  bool
	rel  bool        // values must be read with their relocations
	file io.ReaderAt // has b, and is to be preferred; nil if not

	// Of a part: what it is a part of, and where. Else nil and 0. See part.
	whole *section
	base  uint64
}

func (s *section) size() uint64 {
	if s.whole != nil {
		s = s.whole
	}
	return uint64(len(s.b))
}

// errAt returns an error about a place in the section.
func (s *section) errAt(off uint64, format string, args ...any) error {
	return fmt.Errorf("%w: %s at %#x: %s", ErrFormat, s.name, off, fmt.Sprintf(format, args...))
}

// uint reads a number of 1, 2, 3, 4 or 8 bytes as it is in the file.
func (s *section) uint(off uint64, size int) (uint64, bool) {
	n, at := uint64(len(s.b)), off-s.base
	if at > n || uint64(size) > n-at {
		if s.whole != nil {
			return s.whole.uint(off, size)
		}
		return 0, false
	}
	b := s.b[at:]
	if s.big {
		switch size {
		case 1:
			return uint64(b[0]), true
		case 2:
			return uint64(binary.BigEndian.Uint16(b)), true
		case 3:
			return uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2]), true
		case 4:
			return uint64(binary.BigEndian.Uint32(b)), true
		case 8:
			return binary.BigEndian.Uint64(b), true
		}
		return 0, false
	}
	switch size {
	case 1:
		return uint64(b[0]), true
	case 2:
		return uint64(binary.LittleEndian.Uint16(b)), true
	case 3:
		return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16, true
	case 4:
		return uint64(binary.LittleEndian.Uint32(b)), true
	case 8:
		return binary.LittleEndian.Uint64(b), true
	}
	return 0, false
}

// relocated reads a number and applies its relocations.
func (s *section) relocated(off uint64, size int) (v uint64, st kobj.RelocState, ok bool) {
	if !s.rel {
		v, ok = s.uint(off, size)
		return v, kobj.None, ok
	}
	v, st, err := s.data.Uint(off, size)
	return v, st, err == nil
}

// relocatedULEB reads an unsigned LEB128 number and applies its relocations.
func (s *section) relocatedULEB(off uint64) (v, next uint64, st kobj.RelocState, ok bool) {
	if !s.rel {
		v, next, ok = s.uleb(off)
		return v, next, kobj.None, ok
	}
	v, n, st, err := s.data.ULEB128(off)
	return v, off + uint64(n), st, err == nil
}

// uleb reads an unsigned LEB128 number; next is the offset behind it. Bits beyond
// 64 are lost.
func (s *section) uleb(off uint64) (v, next uint64, ok bool) {
	var shift uint
	for at := off - s.base; at < uint64(len(s.b)); at++ {
		c := s.b[at]
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		shift += 7
		if c < 0x80 {
			return v, s.base + at + 1, true
		}
	}
	if s.whole != nil {
		return s.whole.uleb(off)
	}
	return 0, off, false
}

// sleb reads a signed LEB128 number.
func (s *section) sleb(off uint64) (v int64, next uint64, ok bool) {
	var shift uint
	for at := off - s.base; at < uint64(len(s.b)); at++ {
		c := s.b[at]
		if shift < 64 {
			v |= int64(c&0x7f) << shift
		}
		shift += 7
		if c < 0x80 {
			if shift < 64 && c&0x40 != 0 {
				v |= -1 << shift
			}
			return v, s.base + at + 1, true
		}
	}
	if s.whole != nil {
		return s.whole.sleb(off)
	}
	return 0, off, false
}

// maxString is the maximum length of a string that is returned: a path, or a name.
// Those of Rust and C++ can have some kilobytes.
const maxString = 1 << 13

// text copies the NUL-terminated string at off; it is "" if there is none.
func (s *section) text(off uint64) string {
	if n, ok := s.stringAt(off, min(off+maxString, s.size())); ok {
		b, base := s.bytes(off, off+n)
		return string(b[off-base:])
	}
	return ""
}

// stringAt returns the length of the string at off, whose NUL must be in front of end.
func (s *section) stringAt(off, end uint64) (n uint64, ok bool) {
	if at := off - s.base; at < uint64(len(s.b)) {
		b := s.b[at:min(uint64(len(s.b)), end-s.base)]
		if i := bytes.IndexByte(b, 0); i >= 0 {
			return uint64(i), true
		}
	}
	if s.whole != nil {
		return s.whole.stringAt(off, end)
	}
	return 0, false
}

// cursor reads a part of a section in sequence. After a read beyond the end, bad is set
// and all values read are 0.
type cursor struct {
	s        *section
	off, end uint64 // end is never beyond the section
	bad      bool
}

// cursor returns a cursor over [off, end), cut off at the section's end.
func (s *section) cursor(off, end uint64) cursor {
	c := cursor{s: s, off: off, end: min(end, s.size())}
	if off > c.end {
		c.fail()
	}
	return c
}

func (c *cursor) fail() { c.bad, c.off = true, c.end }

// uint reads a number of 1, 2, 3, 4 or 8 bytes.
func (c *cursor) uint(size int) uint64 {
	if uint64(size) > c.end-c.off {
		c.fail()
		return 0
	}
	v, ok := c.s.uint(c.off, size)
	if !ok {
		c.fail()
		return 0
	}
	c.off += uint64(size)
	return v
}

func (c *cursor) u8() uint8 {
	if c.off >= c.end {
		c.bad = true
		return 0
	}
	v, ok := c.s.uint(c.off, 1)
	if !ok {
		c.bad = true
	}
	c.off++
	return uint8(v)
}

// relocated reads a number with its relocations.
func (c *cursor) relocated(size int) (uint64, kobj.RelocState) {
	if uint64(size) > c.end-c.off {
		c.fail()
		return 0, kobj.Unknown
	}
	v, st, ok := c.s.relocated(c.off, size)
	if !ok {
		c.fail()
		return 0, kobj.Unknown
	}
	c.off += uint64(size)
	return v, st
}

func (c *cursor) uleb() uint64 {
	if at := c.off - c.s.base; c.off < c.end && at < uint64(len(c.s.b)) {
		if b := c.s.b[at]; b < 0x80 {
			c.off++
			return uint64(b)
		}
	}
	v, next, ok := c.s.uleb(c.off)
	if !ok || next > c.end {
		c.fail()
		return 0
	}
	c.off = next
	return v
}

func (c *cursor) sleb() int64 {
	v, next, ok := c.s.sleb(c.off)
	if !ok || next > c.end {
		c.fail()
		return 0
	}
	c.off = next
	return v
}

func (c *cursor) relocatedULEB() (uint64, kobj.RelocState) {
	v, next, st, ok := c.s.relocatedULEB(c.off)
	if !ok || next > c.end {
		c.fail()
		return 0, kobj.Unknown
	}
	c.off = next
	return v, st
}

func (c *cursor) skip(n uint64) {
	if n > c.end-c.off {
		c.fail()
		return
	}
	c.off += n
}

// skipString skips a NUL-terminated string. It reports whether the string was empty.
func (c *cursor) skipString() (empty bool) {
	n, ok := c.s.stringAt(c.off, c.end)
	if !ok {
		c.fail()
		return true
	}
	c.off += n + 1
	return n == 0
}

// unitLength reads the length at the start of every unit and confines the cursor to the
// unit. offSize is the size of offsets in it, 4 or 8. A unit that is longer than the
// section ends with the section.
func (c *cursor) unitLength() (offSize int) {
	offSize = 4
	n, _ := c.relocated(4)
	switch {
	case n == 0xffffffff:
		offSize = 8
		n, _ = c.relocated(8)
	case n >= 0xfffffff0:
		c.fail()
	}
	if !c.bad {
		c.end = c.off + min(n, c.end-c.off)
	}
	return offSize
}
