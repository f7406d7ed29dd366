// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// The filters of .xz files that stand in front of LZMA2. Those for code make the
// targets of calls absolute, because calls of one function then have equal bytes; here
// they are made relative again. See "The .xz File Format", version 1.2.1, section 5.3,
// and lib/xz/xz_dec_bcj.c of the kernel, which unpacks its modules with them too.

// parseFilters decodes the flags and the list of filters in the header of a block. The
// last one is LZMA2, with the size of its window.
func parseFilters(flags byte, list []byte) (window int64, filters []filter, err error) {
	if flags&0x3c != 0 {
		return 0, nil, fmt.Errorf("xz block with the flags %#x: %w", flags, errors.ErrUnsupported)
	}
	for last := int(flags & 3); last >= 0; last-- {
		id, n := binary.Uvarint(list)
		list = list[max(n, 0):]
		size, m := binary.Uvarint(list)
		list = list[max(m, 0):]
		if n <= 0 || m <= 0 || size > uint64(len(list)) {
			return 0, nil, fmt.Errorf("%w: xz filters", kobj.ErrFormat)
		}
		props := list[:size]
		list = list[size:]
		switch {
		case last > 0:
			f, err := newFilter(id, props)
			if err != nil {
				return 0, nil, err
			}
			filters = append(filters, f)
		case id != 0x21:
			return 0, nil, fmt.Errorf("xz filter %#x as the last: %w", id, errors.ErrUnsupported)
		case size != 1 || props[0] > 40:
			return 0, nil, fmt.Errorf("%w: xz filter LZMA2 with the properties %x", kobj.ErrFormat, props)
		default:
			window = int64(2|props[0]&1) << (props[0]/2 + 11)
		}
	}
	return window, filters, nil
}

// A filter undoes itself in b, whose first byte is at pos of the filtered data. It
// returns how many bytes are done. The few behind them need what follows.
type filter func(b []byte, pos uint32) int

// newFilter returns the filter of a number, with its properties.
func newFilter(id uint64, props []byte) (filter, error) {
	if id == 0x03 {
		if len(props) != 1 {
			return nil, fmt.Errorf("%w: xz delta filter", kobj.ErrFormat)
		}
		return undelta(int(props[0]) + 1), nil
	}
	var f filter
	align := uint32(4)
	switch id {
	case 0x04:
		f, align = new(x86).relative, 1
	case 0x05:
		f = words(binary.BigEndian, relativePowerPC)
	case 0x06:
		f, align = relativeIA64, 16
	case 0x07:
		f = words(binary.LittleEndian, relativeARM)
	case 0x08:
		f, align = relativeThumb, 2
	case 0x09:
		f = words(binary.BigEndian, relativeSPARC)
	case 0x0a:
		f = words(binary.LittleEndian, relativeARM64)
	case 0x0b:
		f, align = relativeRISCV, 2
	default:
		return nil, fmt.Errorf("xz filter %#x: %w", id, errors.ErrUnsupported)
	}
	switch len(props) {
	case 0:
		return f, nil
	case 4:
		start := binary.LittleEndian.Uint32(props)
		if start%align == 0 {
			return func(b []byte, pos uint32) int { return f(b, pos+start) }, nil
		}
	}
	return nil, fmt.Errorf("%w: xz filter %#x with the properties %x", kobj.ErrFormat, id, props)
}

// filterBuffer is how many bytes are filtered in one go.
const filterBuffer = 4 << 10

// filtered reads data and undoes a filter.
type filtered struct {
	r    io.Reader
	undo filter
	pos  uint32 // of buf in the data
	done int    // bytes at the start of buf that can be returned
	buf  []byte
	err  error // of r, behind buf
}

func newFiltered(r io.Reader, undo filter) *filtered {
	return &filtered{r: r, undo: undo, buf: make([]byte, 0, filterBuffer)}
}

// Read implements [io.Reader].
func (f *filtered) Read(p []byte) (int, error) {
	for f.done == 0 && f.err == nil {
		n, err := f.r.Read(f.buf[len(f.buf):cap(f.buf)])
		f.buf, f.err = f.buf[:len(f.buf)+n], err
		if f.done = f.undo(f.buf, f.pos); f.err == io.EOF {
			f.done = len(f.buf) // the last bytes are no whole instruction
		}
	}
	if f.done == 0 {
		return 0, f.err
	}
	n := copy(p, f.buf[:f.done])
	f.done -= n
	f.pos += uint32(n)
	f.buf = f.buf[:copy(f.buf, f.buf[n:])]
	return n, nil
}

// undelta returns the filter of bytes that were replaced by their difference from the
// one some places before.
func undelta(distance int) filter {
	var last [256]byte
	i := 0
	return func(b []byte, _ uint32) int {
		for k := range b {
			b[k] += last[i]
			last[i] = b[k]
			i = (i + 1) % distance
		}
		return len(b)
	}
}

// words returns a filter of instructions that are words of four bytes.
func words(order binary.ByteOrder, relative func(insn, pos uint32) uint32) filter {
	return func(b []byte, pos uint32) int {
		n := len(b) &^ 3
		for i := 0; i < n; i += 4 {
			order.PutUint32(b[i:], relative(order.Uint32(b[i:]), pos+uint32(i)))
		}
		return n
	}
}

// relativePowerPC is for bl with an address.
func relativePowerPC(insn, pos uint32) uint32 {
	const offset = 0x3fffffc
	if insn&^uint32(offset) != 0x48000001 {
		return insn
	}
	return insn&^uint32(offset) | (insn-pos)&offset
}

// relativeARM is for bl, whose offset counts words from two instructions further on.
func relativeARM(insn, pos uint32) uint32 {
	if insn>>24 != 0xeb {
		return insn
	}
	return 0xeb<<24 | (insn-pos/4-2)&0xffffff
}

// relativeSPARC is for call. The two highest bits of its offset are copies of the one
// below them if it is within reach of the filter.
func relativeSPARC(insn, pos uint32) uint32 {
	if insn>>22 != 0x100 && insn>>22 != 0x1ff {
		return insn
	}
	offset := (insn - pos/4) << 9 // its 23 lowest bits count
	return 1<<30 | uint32(int32(offset)>>9)&0x3fffffff
}

// relativeARM64 is for bl, and adrp of what is within 512 MiB.
func relativeARM64(insn, pos uint32) uint32 {
	switch {
	case insn>>26 == 0x25:
		return 0x25<<26 | (insn-pos/4)&0x3ffffff
	case insn&0x9f000000 == 0x90000000:
		pages := insn>>29&3 | insn>>3&0x1ffffc
		if top := pages >> 17; top != 0 && top != 0xf {
			break
		}
		pages = uint32(int32((pages-pos>>12)<<14) >> 14) // 18 bits with a sign
		return insn&0x9000001f | pages&3<<29 | pages>>2<<5&0xffffe0
	}
	return insn
}

// relativeThumb is for bl, a pair of half words.
func relativeThumb(b []byte, pos uint32) int {
	i := 0
	for ; i+4 <= len(b); i += 2 {
		high, low := uint32(binary.LittleEndian.Uint16(b[i:])), uint32(binary.LittleEndian.Uint16(b[i+2:]))
		if high>>11 != 0x1e || low>>11 != 0x1f {
			continue
		}
		offset := high&0x7ff<<11 | low&0x7ff
		offset -= (pos + uint32(i) + 4) / 2
		binary.LittleEndian.PutUint16(b[i:], uint16(0x1e<<11|offset>>11&0x7ff))
		binary.LittleEndian.PutUint16(b[i+2:], uint16(0x1f<<11|offset&0x7ff))
		i += 2
	}
	return i
}

// branchSlots has, for each template of an IA-64 bundle, which of its slots are for
// branches.
var branchSlots = [32]uint8{
	0x10: 4, 0x11: 4, 0x12: 6, 0x13: 6, 0x16: 7, 0x17: 7, 0x18: 4, 0x19: 4, 0x1c: 4, 0x1d: 4,
}

// relativeIA64 is for br.call, of which a bundle of 16 bytes may have three, in 41 bits
// each. The offset counts bundles; its sign is apart.
func relativeIA64(b []byte, pos uint32) int {
	n := len(b) &^ 15
	for i := 0; i < n; i += 16 {
		for slot := range 3 {
			if branchSlots[b[i]&0x1f]>>slot&1 == 0 {
				continue
			}
			bit := 5 + 41*slot
			at := b[i+bit/8:]
			insn := uint64(binary.LittleEndian.Uint32(at)) | uint64(binary.LittleEndian.Uint16(at[4:]))<<32
			shift := bit % 8
			if insn>>shift>>37&0xf != 5 || insn>>shift>>9&7 != 0 {
				continue
			}
			offset := insn>>shift>>13&0xfffff | insn>>shift>>36&1<<20
			offset -= uint64(pos+uint32(i)) / 16
			insn &^= (0xfffff<<13 | 1<<36) << shift
			insn |= (offset&0xfffff<<13 | offset>>20&1<<36) << shift
			binary.LittleEndian.PutUint32(at, uint32(insn))
			binary.LittleEndian.PutUint16(at[4:], uint16(insn>>32))
		}
	}
	return n
}

// x86 is for call and jmp with a distance whose highest byte is 0 or 0xff. Such bytes
// are common, also in distances themselves. So one right behind others like it is only
// taken for an instruction if no more than one of them is near.
type x86 struct {
	seen uint8 // of the last three bytes, those that are opcodes but were left as they are; the last is bit 0
}

func (x *x86) relative(b []byte, pos uint32) int {
	i := 0
	for i+5 <= len(b) {
		opcode := b[i]&0xfe == 0xe8
		back := bits.Len8(x.seen) // how far back the oldest of them is
		if !opcode || x.seen&(x.seen-1) != 0 || back > 0 && isSign(b[i+4-back]) || !isSign(b[i+4]) {
			x.seen = x.seen << 1 & 7
			if opcode {
				x.seen |= 1
			}
			i++
			continue
		}
		next := pos + uint32(i) + 5
		distance := binary.LittleEndian.Uint32(b[i+1:]) - next
		// The byte that was looked at may have become a sign. Then the lower ones are
		// complements, by which packing avoids that.
		if shift := 32 - 8*back; back > 0 && isSign(byte(distance>>(shift-8))) {
			distance = (distance ^ (1<<shift - 1)) - next
		}
		binary.LittleEndian.PutUint32(b[i+1:], uint32(int32(distance<<7)>>7))
		x.seen = 0
		i += 5
	}
	return i
}

func isSign(b byte) bool { return b == 0 || b == 0xff }

// relativeRISCV is for jal that keeps the return address, and for auipc with an
// instruction behind it that uses its register. Packed, the address of a pair is in the
// second word, with its highest byte first, and the second instruction is in the first
// word, whose register is x2. What had looked like that before is packed as a pair.
func relativeRISCV(b []byte, pos uint32) int {
	const auipc, jal, x1, x5, x2 = 0x17, 0x6f, 1, 5, 2
	i := 0
	for i+8 <= len(b) {
		insn, here := binary.LittleEndian.Uint32(b[i:]), pos+uint32(i)
		rd := insn >> 7 & 31
		switch {
		case insn&0x7f == jal && (rd == x1 || rd == x5):
			offset := (insn>>12&0xf<<17 | insn>>16&0xff<<9 | insn>>24<<1) - here
			insn = insn&0xfff | offset&0xff000 | offset>>11&1<<20 | offset>>1&0x3ff<<21 | offset>>20&1<<31
			binary.LittleEndian.PutUint32(b[i:], insn)
			i += 4
		case insn&0x7f == auipc && rd != 0 && rd != x2:
			second := binary.LittleEndian.Uint32(b[i+4:])
			if second&3 != 3 || second>>15&31 != rd {
				i += 6 // the half word behind auipc is passed over, too
				continue
			}
			binary.LittleEndian.PutUint32(b[i:], auipc|x2<<7|second<<12)
			binary.LittleEndian.PutUint32(b[i+4:], insn&^0xfff+second>>20)
			i += 8
		case insn&0x7f == auipc:
			base := insn >> 27 // the register of the second instruction
			if rd != x2 || insn>>12&3 != 3 || base == 0 || base == x2 {
				i += 4
				continue
			}
			offset := binary.BigEndian.Uint32(b[i+4:]) - here
			binary.LittleEndian.PutUint32(b[i:], auipc|base<<7|(offset+0x800)&^0xfff)
			binary.LittleEndian.PutUint32(b[i+4:], insn>>12|offset<<20)
			i += 8
		default:
			i += 2
		}
	}
	return i
}
