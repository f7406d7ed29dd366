// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"encoding/binary"
	"strings"
)

// Jump is an instruction that goes on in another function without coming back
// here: a tail call. Its function does not appear in backtraces.
type Jump struct {
	Addr uint64 // of the instruction
	To   Call   // where it goes; of kind CallDirect or CallIndirect
}

// Jumps returns the jumps out of a function, a piece of which is the code in [lo,
// hi); own reports whether an address is the function's, in any of its pieces. ok is
// false if the code is not understood.
//
// lo is where an instruction starts. Jumps into the middle of other functions,
// which compilers do not make, are passed over.
func (f *File) Jumps(lo, hi uint64, own func(addr uint64) bool) (jumps []Jump, ok bool) {
	s, off := f.SectionAt(lo)
	if s == nil || !s.executable() || hi < lo {
		return nil, false
	}
	b, err := f.Contents(s)
	if err != nil || b == nil {
		return nil, false
	}
	end := min(off+hi-lo, uint64(len(b)))
	w := jumpWalk{f: f, s: s, b: b, own: own}
	switch f.Machine {
	case elf.EM_X86_64, elf.EM_386:
		for at := off; at < end; {
			n := x86Length(b[at:end], f.Machine == elf.EM_X86_64)
			if n == 0 {
				return nil, false
			}
			w.x86(at, at+uint64(n))
			at += uint64(n)
		}
	case elf.EM_AARCH64:
		for at := (off + 3) &^ 3; at+4 <= end; at += 4 {
			w.arm64(at)
		}
	default:
		return nil, false
	}
	return w.jumps, true
}

// jumpWalk looks for jumps in a section.
type jumpWalk struct {
	f     *File
	s     *Section
	b     []byte
	own   func(addr uint64) bool
	jumps []Jump
}

// x86 looks at the instruction in [at, end).
func (w *jumpWalk) x86(at, end uint64) {
	b := w.b[at:end]
	for len(b) > 2 && (b[0] == 0x3e || b[0] == 0x2e || b[0] == 0xf2 || b[0]&0xf0 == 0x40) { // prefixes of jumps
		b = b[1:]
	}
	switch {
	case len(b) == 5 && b[0] == 0xe9: // jmp
		w.relative(at, end-4, end, 4, uint64(int64(int32(binary.LittleEndian.Uint32(b[1:])))))
	case len(b) == 6 && b[0] == 0x0f && b[1]&0xf0 == 0x80: // jcc
		w.relative(at, end-4, end, 4, uint64(int64(int32(binary.LittleEndian.Uint32(b[2:])))))
	case len(b) == 2 && (b[0] == 0xeb || b[0]&0xf0 == 0x70): // short jmp and jcc
		w.local(at, end, uint64(int64(int8(b[1]))))
	case len(b) >= 2 && b[0] == 0xff && b[1]>>3&7 == 4: // jmp *operand
		if !w.x86Switch(at, w.b[at:end]) {
			w.add(at, Call{Kind: CallIndirect})
		}
	}
}

// arm64 looks at the instruction at an offset.
func (w *jumpWalk) arm64(at uint64) {
	op := binary.LittleEndian.Uint32(w.b[at:])
	switch {
	case op&0xfc000000 == 0x14000000: // b
		w.relative(at, at, at, 0, uint64(int64(int32(op<<6))>>6*4))
	case op&0xff000000 == 0x54000000: // b.cond
		w.relative(at, at, at, 0, uint64(int64(int32(op<<8))>>13*4))
	case op&0xfffffc1f == 0xd61f0000, op&0xfefff800 == 0xd61f0800: // br, braa and relatives
		w.add(at, Call{Kind: CallIndirect})
	}
}

// relative adds the jump at an offset that goes a distance from the offset base;
// the distance is in a field that may be relocated.
func (w *jumpWalk) relative(at, field, base, adjust, distance uint64) {
	c := site{f: w.f, s: w.s, b: w.b, off: field}
	call, ok := c.callee(0, 0, adjust)
	if !ok {
		w.local(at, base, distance)
		return
	}
	if call.Section != nil && (!call.Section.executable() || w.own(call.Section.Addr+call.Offset)) {
		return
	}
	w.add(at, call)
}

// local adds the jump at an offset to a place in this file.
func (w *jumpWalk) local(at, base, distance uint64) {
	if w.own(w.s.Addr + base + distance) {
		return
	}
	c := site{f: w.f, s: w.s, b: w.b, off: base}
	if to := c.local(distance); to.Callee != "" {
		w.add(at, to)
	}
}

func (w *jumpWalk) add(at uint64, to Call) {
	switch {
	case returnThunk(to.Callee):
		return
	case indirectThunk(to.Callee), to.Patched():
		to = Call{Kind: CallIndirect}
	}
	w.jumps = append(w.jumps, Jump{Addr: w.s.Addr + at, To: to})
}

// returnThunk reports whether a jump to name is a return, which it is in kernels
// hardened against speculation.
func returnThunk(name string) bool {
	return strings.HasSuffix(name, "_return_thunk") || name == "srso_untrain_ret" || name == "retbleed_return_thunk"
}

// Patched reports whether the kernel replaces the call, as the file has it, by
// one of something else: static calls, whose trampolines have names of their own.
func (c *Call) Patched() bool {
	return strings.HasPrefix(c.Callee, "__SCT__") || strings.HasPrefix(c.Callee, "__SCK__")
}
