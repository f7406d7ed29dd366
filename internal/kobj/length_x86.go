// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"math/bits"
)

// What follows the opcode of an x86 instruction.
const (
	x86Bare    = iota // nothing
	x86ModRM          // an operand
	x86Imm8           // one byte
	x86ImmZ           // two or four bytes
	x86ModImm8        // an operand and one byte
	x86ModImmZ        // an operand and two or four bytes
	x86Other          // looked at in the code, or not known
)

// x86Short is what follows each one-byte opcode, in the letters of [x86Kind].
const x86Short = "" +
	"mmmmbzoommmmbzoo" + // 00
	"mmmmbzoommmmbzoo" + // 10
	"mmmmbzoommmmbzoo" + // 20
	"mmmmbzoommmmbzoo" + // 30
	"oooooooooooooooo" + // 40
	"................" + // 50
	"..ommmmmzZbB...." + // 60; 64 to 67 are prefixes
	"bbbbbbbbbbbbbbbb" + // 70
	"BZBBmmmmmmmmmmmm" + // 80
	"..........o....." + // 90
	"oooo....bz......" + // a0
	"bbbbbbbboooooooo" + // b0
	"BBo.ooBZo.o..b.." + // c0
	"mmmmbb..mmmmmmmm" + // d0
	"bbbbbbbbooob...." + // e0
	"o.oo..oo......mm" //   f0

// x86Long is the same for opcodes behind 0f.
const x86Long = "" +
	"mmmmo.....o.om.B" + // 00
	"mmmmmmmmmmmmmmmm" + // 10
	"mmmmmmmmmmmmmmmm" + // 20
	"........oooooooo" + // 30
	"mmmmmmmmmmmmmmmm" + // 40
	"mmmmmmmmmmmmmmmm" + // 50
	"mmmmmmmmmmmmmmmm" + // 60
	"BBBBmmm.mmmmmmmm" + // 70
	"zzzzzzzzzzzzzzzz" + // 80
	"mmmmmmmmmmmmmmmm" + // 90
	"...mBmmm...mBmmm" + // a0
	"mmmmmmmmmmBmmmmm" + // b0
	"mmBmBBBm........" + // c0
	"mmmmmmmmmmmmmmmm" + // d0
	"mmmmmmmmmmmmmmmm" + // e0
	"mmmmmmmmmmmmmmmm" //   f0

// x86Kind is what the letters stand for.
var x86Kind = [1 << 7]uint8{
	'.': x86Bare, 'm': x86ModRM, 'b': x86Imm8, 'z': x86ImmZ, 'B': x86ModImm8, 'Z': x86ModImmZ, 'o': x86Other,
}

// What may stand in front of the opcode.
const (
	prefixNone = iota
	prefixOpSize
	prefixAddrSize
	prefixOther
	prefixREX // in 64-bit code
)

var x86Prefix = [1 << 8]uint8{
	0x66: prefixOpSize, 0x67: prefixAddrSize,
	0x26: prefixOther, 0x2e: prefixOther, 0x36: prefixOther, 0x3e: prefixOther, 0x64: prefixOther, 0x65: prefixOther,
	0xf0: prefixOther, 0xf2: prefixOther, 0xf3: prefixOther,
	0x40: prefixREX, 0x41: prefixREX, 0x42: prefixREX, 0x43: prefixREX, 0x44: prefixREX, 0x45: prefixREX, 0x46: prefixREX, 0x47: prefixREX,
	0x48: prefixREX, 0x49: prefixREX, 0x4a: prefixREX, 0x4b: prefixREX, 0x4c: prefixREX, 0x4d: prefixREX, 0x4e: prefixREX, 0x4f: prefixREX,
}

// x86Length returns the length of the instruction at the start of b in 64-bit or 32-bit
// code. It returns 0 if the instruction is unknown or cut off.
func x86Length(b []byte, long bool) int {
	i := 0
	opSize, rexW, addr16 := 4, false, false
	for ; ; i++ {
		if i >= len(b) || i > 14 {
			return 0
		}
		switch c := b[i]; x86Prefix[c] {
		case prefixOpSize:
			opSize = 2
			continue
		case prefixAddrSize:
			addr16 = true
			continue
		case prefixOther:
			continue
		case prefixREX:
			if !long {
				break
			}
			rexW = c&8 != 0
			i++
			if i >= len(b) {
				return 0
			}
		}
		break
	}
	op := b[i]
	i++
	kind := int(x86Kind[x86Short[op]])
	switch {
	case kind != x86Other && op&^1 != 0x60: // most of all
	case op == 0x0f:
		if i >= len(b) {
			return 0
		}
		op = b[i]
		i++
		kind = int(x86Kind[x86Long[op]])
		switch op {
		case 0x38, 0x3a:
			i++
			kind = x86ModRM
			if op == 0x3a {
				kind = x86ModImm8
			}
		}
		if op&0xf0 == 0x80 && long {
			opSize = 4
		}
		if kind == x86Other {
			return 0
		}
		return x86Rest(b, i, kind, opSize, long, addr16)
	case op == 0xc4 || op == 0xc5:
		if !long && (i >= len(b) || b[i]>>6 != 3) {
			return x86Rest(b, i, x86ModRM, opSize, long, addr16) // les, lds
		}
		table := byte(1)
		if op == 0xc4 {
			if i >= len(b) {
				return 0
			}
			table = b[i] & 0x1f
			i++
		}
		i++ // the rest of the prefix
		if i >= len(b) {
			return 0
		}
		op = b[i]
		i++
		switch table {
		case 1:
			kind = int(x86Kind[x86Long[op]])
		case 2:
			kind = x86ModRM
		case 3:
			kind = x86ModImm8
		default:
			return 0
		}
		return x86Rest(b, i, kind, opSize, long, addr16)
	case op >= 0xb8 && op <= 0xbf:
		if rexW {
			return x86End(b, i+8)
		}
		return x86End(b, i+opSize)
	case op == 0xf6 || op == 0xf7:
		if i >= len(b) {
			return 0
		}
		kind = x86ModRM
		if b[i]>>3&7 < 2 { // test
			kind = x86ModImm8
			if op == 0xf7 {
				kind = x86ModImmZ
			}
		}
		return x86Rest(b, i, kind, opSize, long, addr16)
	case op == 0xe8 || op == 0xe9:
		if long {
			opSize = 4
		}
		return x86End(b, i+opSize)
	case op >= 0xa0 && op <= 0xa3:
		n := 4
		if long && !addr16 {
			n = 8
		}
		return x86End(b, i+n)
	case op == 0xc2 || op == 0xca:
		return x86End(b, i+2)
	case op == 0xc8:
		return x86End(b, i+3)
	case !long && (op == 0x9a || op == 0xea):
		return x86End(b, i+opSize+2)
	case !long && (op&0xf0 == 0x40 || op < 0x40 && (op&7 == 6 || op&7 == 7)):
		return x86End(b, i)
	case kind == x86Other, long && (op == 0x60 || op == 0x61):
		return 0
	}
	return x86Rest(b, i, kind, opSize, long, addr16)
}

// x86Rest adds the length of what follows the opcode, which ends at i.
func x86Rest(b []byte, i, kind, opSize int, long, addr16 bool) int {
	switch kind {
	case x86ModRM, x86ModImm8, x86ModImmZ:
		if i >= len(b) {
			return 0
		}
		mod, rm := b[i]>>6, b[i]&7
		i++
		switch {
		case mod == 3:
		case addr16 && !long:
			switch {
			case mod == 1:
				i++
			case mod == 2, rm == 6:
				i += 2
			}
		default:
			if rm == 4 {
				if i >= len(b) {
					return 0
				}
				if mod == 0 && b[i]&7 == 5 {
					i += 4
				}
				i++
			}
			switch {
			case mod == 1:
				i++
			case mod == 2, mod == 0 && rm == 5:
				i += 4
			}
		}
	}
	switch kind {
	case x86Imm8, x86ModImm8:
		i++
	case x86ImmZ, x86ModImmZ:
		i += opSize
	}
	return x86End(b, i)
}

// x86End returns i if b and an instruction can be that long.
func x86End(b []byte, i int) int {
	if i > len(b) || i > 15 {
		return 0
	}
	return i
}

// Boundary reports whether an instruction ends at the offset at, in the function that
// starts at the offset entry of a section. It is not known on machines other than x86,
// and behind instructions that are not understood.
func (f *File) Boundary(s *Section, entry, at uint64) (is, known bool) {
	b, err := f.Contents(s)
	if err != nil || f.Machine != elf.EM_X86_64 && f.Machine != elf.EM_386 || at > uint64(len(b)) || entry > at {
		return false, false
	}
	p := f.codePart(s, b, entry, at+16) // no instruction is longer
	defer p.done()
	for entry < at {
		n := x86Length(p.b[entry-p.base:], f.Machine == elf.EM_X86_64)
		if n == 0 {
			return false, false
		}
		entry += uint64(n)
	}
	return entry == at, true
}

// x86Switch reports whether the instruction, a jump through a pointer, is that of
// a switch statement: by a table of places in the same function.
func (w *jumpWalk) x86Switch(at uint64, b []byte) bool {
	for len(b) > 0 && b[0] == 0x3e { // notrack
		b, at = b[1:], at+1
	}
	var field uint64
	switch {
	case len(b) >= 7 && b[0] == 0xff && b[1] == 0x24 && b[2]&7 == 5:
		field = 3
	case len(b) >= 8 && b[0]&0xf0 == 0x40 && b[1] == 0xff && b[2] == 0x24 && b[3]&7 == 5:
		field = 4
	default:
		return false
	}
	size := w.f.AddrSize()
	d := &Data{b: w.b, big: false}
	if !w.f.Linked() {
		var err error
		if d, err = w.f.contentsData(w.s); err != nil {
			return false
		}
	}
	table, _, err := d.Uint(at+field, 4)
	if err != nil {
		return false
	}
	if size == 8 {
		table = uint64(int64(int32(table)))
	}
	s, off := w.f.SectionAt(table)
	if s == nil || s.executable() || bits.Len64(table) == 0 {
		return false
	}
	entries, err := w.f.contentsData(s)
	if err != nil {
		return false
	}
	to, _, err := entries.Uint(off, size)
	return err == nil && w.own(to)
}
