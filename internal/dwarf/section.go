// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// section is the contents of one debug section. The zero value is an empty section.
type section struct {
	name string
	b    []byte
	data *kobj.Data
	big  bool
	rel  bool // values must be read with their relocations
}

func (s *section) size() uint64 { return uint64(len(s.b)) }

// errAt returns an error about a place in the section.
func (s *section) errAt(off uint64, format string, args ...any) error {
	return fmt.Errorf("%w: %s at %#x: %s", ErrFormat, s.name, off, fmt.Sprintf(format, args...))
}

// uint reads a number of 1, 2, 3, 4 or 8 bytes as it is in the file.
func (s *section) uint(off uint64, size int) (uint64, bool) {
	n := uint64(len(s.b))
	if off > n || uint64(size) > n-off {
		return 0, false
	}
	b := s.b[off:]
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
	for ; off < uint64(len(s.b)); off++ {
		c := s.b[off]
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		shift += 7
		if c < 0x80 {
			return v, off + 1, true
		}
	}
	return 0, off, false
}

// sleb reads a signed LEB128 number.
func (s *section) sleb(off uint64) (v int64, next uint64, ok bool) {
	var shift uint
	for ; off < uint64(len(s.b)); off++ {
		c := s.b[off]
		if shift < 64 {
			v |= int64(c&0x7f) << shift
		}
		shift += 7
		if c < 0x80 {
			if shift < 64 && c&0x40 != 0 {
				v |= -1 << shift
			}
			return v, off + 1, true
		}
	}
	return 0, off, false
}

// maxString is the maximum length of a string that is returned: a path, or a name.
// Those of Rust and C++ can have some kilobytes.
const maxString = 1 << 13

// text copies the NUL-terminated string at off; it is "" if there is none.
func (s *section) text(off uint64) string {
	if off >= uint64(len(s.b)) {
		return ""
	}
	b := s.b[off:]
	b = b[:min(len(b), maxString)]
	return string(b[:max(bytes.IndexByte(b, 0), 0)])
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
	v := c.s.b[c.off]
	c.off++
	return v
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
	if c.off < c.end {
		if b := c.s.b[c.off]; b < 0x80 {
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
	i := bytes.IndexByte(c.s.b[c.off:c.end], 0)
	if i < 0 {
		c.fail()
		return true
	}
	c.off += uint64(i) + 1
	return i == 0
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
