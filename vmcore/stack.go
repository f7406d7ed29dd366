// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"fmt"
	"slices"
)

// maxStackDepth is how far below a pointer on a stack a return address is looked for.
const maxStackDepth = 512

// callAt finds the call in whose frame an address of a stack is: by the chain of frames
// where the machine keeps one, else by the nearest return address below, since stacks
// grow down and each call leaves one.
func (a *atlas) callAt(ctx context.Context, h *Holder, addr uint64) error {
	if h.Stale {
		return nil
	}
	t := h.Task
	if t.fp != 0 {
		return a.callOfChain(ctx, h, addr)
	}
	from := max(t.Stack.Addr, min(addr, addr-maxStackDepth), t.SP)
	if from >= addr {
		return nil
	}
	b := make([]byte, addr-from)
	if err := a.k.mem.ReadAt(b, from); err != nil {
		return fmt.Errorf("stack of %q (pid %d): %w", t.Comm, t.PID, err)
	}
	for _, v := range slices.Backward(words(b, a.k.word)) {
		if !a.code(v) {
			continue
		}
		f, err := a.k.frame(ctx, v)
		if err != nil {
			return err
		}
		if f.Func != "" && f.Offset > 0 {
			h.Frame = f
			return nil
		}
	}
	return nil
}

// callOfChain follows the chain of frames: each begins with the address of its caller's
// and with a return address, which the processor may have signed. A frame reaches up to
// its caller's.
func (a *atlas) callOfChain(ctx context.Context, h *Holder, addr uint64) error {
	t := h.Task
	fp, pc := t.fp, t.pc
	for range t.Stack.Size / 16 {
		if fp-t.Stack.Addr >= t.Stack.Size-8 {
			return nil
		}
		var record [16]byte
		if err := a.k.mem.ReadAt(record[:], fp); err != nil {
			return fmt.Errorf("stack of %q (pid %d): %w", t.Comm, t.PID, err)
		}
		next := number(record[:8])
		if addr >= fp && addr < next {
			var err error
			h.Frame, err = a.k.frame(ctx, pc)
			return err
		}
		if next <= fp {
			return nil
		}
		fp, pc = next, unsigned(number(record[8:]))
	}
	return nil
}

// unsigned returns an address of code without the signature that arm64 puts into the bits
// that all addresses of the kernel have set.
func unsigned(addr uint64) uint64 {
	if addr>>55&1 == 1 {
		return addr | 0xffff<<48
	}
	return addr
}

// code reports whether an address may be one of code.
func (a *atlas) code(addr uint64) bool {
	k := a.k
	if k.inImage(addr) {
		s, _ := k.file.SectionAt(addr - k.slide)
		return s != nil && s.Executable()
	}
	for _, m := range a.modules {
		if p, ok := m.holds(addr); ok {
			return !p.data && (p.text == 0 || addr-p.base < p.text)
		}
	}
	return false
}
