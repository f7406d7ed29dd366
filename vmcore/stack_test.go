// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// stackOf returns an atlas of a module with two functions, and a holder on a stack. The names
// of addresses are known already.
func stackOf(words fakeSpace, task Task) (*atlas, *Holder) {
	k := newFake(words)
	k.file = new(kobj.File)
	k.frames = map[uint64]kmemleak.Frame{
		0xc0000010: {Func: "inner", Offset: 16},
		0xc0000020: {Func: "start"}, // the address of a function, not one in it
		0xc0000030: {Func: "outer", Offset: 16},
	}
	for _, pc := range []uint64{0xc0000010, 0xc0000030} { // as arm64 has it, and signed
		k.frames[unsigned(pc|0xff80<<48)] = k.frames[pc]
	}
	k.frames[0xc0001010] = kmemleak.Frame{Func: "variable", Offset: 16}
	a := &atlas{k: k, modules: []*module{{parts: []modulePart{{base: 0xc0000000, size: 0x1000, text: 0x100}, {base: 0xc0001000, size: 0x1000, data: true}}}}}
	return a, &Holder{Kind: HolderStack, Task: &task}
}

// TestCallAt has a stack without a chain of frames: the nearest return address below counts.
func TestCallAt(t *testing.T) {
	words := fakeSpace{}
	for at := uint64(0x10000); at < 0x11000; at += 8 {
		words[at] = 0
	}
	words[0x10800], words[0x10840], words[0x10848], words[0x10850] = 0xc0000030, 0xc0000010, 0xc0000020, 0xc0000f00 // the last is data
	words[0x10858] = 0xc0001010                                                                                     // and so is this
	for _, c := range []struct {
		name string
		sp   uint64
		addr uint64
		want string
	}{
		{"above the inner one", 0x10700, 0x10880, "inner"},
		{"between them", 0x10700, 0x10820, "outer"},
		{"below all", 0x10700, 0x10780, ""},
		{"too far above", 0x10700, 0x10850 + maxStackDepth + 8, ""},
		{"at the stack pointer", 0x10820, 0x10820, ""},
		{"it runs", 0, 0x10820, "outer"},
	} {
		a, h := stackOf(words, Task{Stack: Range{0x10000, 0x1000}, SP: c.sp})
		if err := a.callAt(t.Context(), h, c.addr); err != nil || h.Frame.Func != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, h.Frame.Func, err, c.want)
		}
	}
	a, h := stackOf(fakeSpace{}, Task{Stack: Range{0x10000, 0x1000}})
	if err := a.callAt(t.Context(), h, 0x10820); !errors.Is(err, ErrAbsent) {
		t.Errorf("no stack: %v", err)
	}
	h.Stale = true
	if err := a.callAt(t.Context(), h, 0x10820); err != nil {
		t.Errorf("left over: %v", err)
	}
}

// TestCallOfChain has chains of frames, whole and damaged.
func TestCallOfChain(t *testing.T) {
	const inner, outer = 0xff80<<48 | 0xc0000010, 0xff80<<48 | 0xc0000030
	for _, c := range []struct {
		name string
		next uint64 // of the first frame
		addr uint64
		want string
	}{
		{"in the first", 0x10f00, 0x10e50, "inner"},
		{"in the second", 0x10f00, 0x10f10, "outer"},
		{"above all", 0x10f00, 0x10fc0, ""},
		{"to itself", 0x10e40, 0x10f10, ""},
		{"back", 0x10e00, 0x10f10, ""},
		{"out of the stack", 0x20000, 0x20010, ""},
	} {
		words := fakeSpace{0x10e40: c.next, 0x10e48: outer, 0x10f00: 0x10f80, 0x10f08: 0, 0x10f80: 0, 0x10f88: 0}
		a, h := stackOf(words, Task{Stack: Range{0x10000, 0x1000}, fp: 0x10e40, pc: unsigned(inner)})
		if err := a.callAt(t.Context(), h, c.addr); err != nil || h.Frame.Func != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, h.Frame.Func, err, c.want)
		}
	}
}
