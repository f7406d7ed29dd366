// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"encoding/binary"
)

// x86 handles x86 code, 32-bit and 64-bit.
//
// The kernel changes its code when it boots, so the file does not show every call as it
// ran. Calls of retpolines become indirect ones, which are shorter
// (arch/x86/kernel/alternative.c, apply_retpolines). Indirect calls of paravirtualized
// operations become direct ones. A nop in the file may become a call (alternatives,
// function tracing). Where that is possible the kind is unknown.
func (c *site) x86() Call {
	if b := c.back(5); b != nil && b[0] == 0xe8 {
		if call := c.x86Relative(); call.Kind != CallNone {
			if indirectThunk(call.Callee) {
				return Call{Kind: CallIndirect}
			}
			return call
		}
	}
	if c.x86Indirect() || c.x86Patched() {
		return Call{Kind: CallIndirect}
	}
	if c.x86Nop() {
		return Call{Kind: CallUnknown}
	}
	return Call{Kind: CallNone}
}

// x86Relative returns the target of the relative call that ends here.
func (c *site) x86Relative() Call {
	if call, ok := c.callee(5, 1, 4); ok {
		return call
	}
	distance := uint64(int64(int32(binary.LittleEndian.Uint32(c.back(4)))))
	if c.f.Machine == elf.EM_386 && c.f.Linked() {
		// Addresses wrap at 32 bits, section offsets do not.
		target := uint64(uint32(c.s.Addr + c.off + distance))
		distance = target - c.s.Addr - c.off
	}
	return c.local(distance)
}

// x86Indirect reports whether the bytes in front may be a call through a register or
// through memory: ff /2, with all forms of operands.
func (c *site) x86Indirect() bool {
	for n := uint64(2); n <= 7; n++ {
		b := c.back(n)
		if b == nil {
			return false
		}
		if b[0] != 0xff || b[1]>>3&7 != 2 {
			continue
		}
		mod, rm := b[1]>>6, b[1]&7
		size := uint64(2)
		if mod != 3 && rm == 4 {
			size++
			if n >= 3 && mod == 0 && b[2]&7 == 5 {
				size += 4
			}
		}
		switch {
		case mod == 0 && rm == 5, mod == 2:
			size += 4
		case mod == 1:
			size++
		}
		if size == n {
			return true
		}
	}
	return false
}

// x86Patched reports whether a longer instruction starts in front that the kernel may
// have replaced by a shorter call.
func (c *site) x86Patched() bool {
	// call *%rax, call *%r8 or a fenced call, in place of five bytes.
	for n := uint64(2); n <= 3; n++ {
		if b := c.back(n); b != nil && b[0] == 0xe8 && c.off-n+5 <= c.base+uint64(len(c.b)) {
			there := site{f: c.f, s: c.s, b: c.b, base: c.base, off: c.off - n + 5}
			if indirectThunk(there.x86Relative().Callee) {
				return true
			}
		}
	}
	// A relative call in place of call *address, relative or not.
	b := c.back(5)
	return b != nil && b[0] == 0xff && (b[1] == 0x15 || b[1] == 0x14 && b[2] == 0x25)
}

// x86Nop reports whether a nop ends here.
func (c *site) x86Nop() bool {
	for _, nop := range [...]string{
		"\x90",
		"\x0f\x1f\x00",
		"\x0f\x1f\x40\x00",
		"\x0f\x1f\x44\x00\x00",
		"\x0f\x1f\x80\x00\x00\x00\x00",
		"\x0f\x1f\x84\x00\x00\x00\x00\x00",
		"\x3e\x8d\x74\x26\x00", // 32-bit kernels
		"\x8d\x76\x00",
		"\x8d\x74\x26\x00",
	} {
		if b := c.back(uint64(len(nop))); b != nil && string(b) == nop {
			return true
		}
	}
	return false
}
