// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBacktraceNeighbours holds frames against each other.
func TestBacktraceNeighbours(t *testing.T) {
	frame := func(s string) Frame {
		f, err := ParseFrame(s)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	tests := []struct {
		name, build string
		frames      []string
		want        []string
		err         string // of the last Call
	}{
		{
			name: "calls the frame above", build: "6.1-x86_64",
			frames: []string{"myfunc+0xa/0x1e [hello_kernel]", "hello_init+0x17/0x1000 [hello_kernel]"},
			want:   []string{"printed consistent", "printed proved"},
		},
		{
			name: "calls another function", build: "6.1-x86_64",
			frames: []string{"myfunc+0xa/0x1e [hello_kernel]", "hello_init+0x20/0x1000 [hello_kernel]"},
			want:   []string{"printed assumed", "printed contradicted"},
			err: "hello_init+0x20/0x1000 [hello_kernel]: contradicted: in testdata/modules/hello_kernel/6.1-x86_64/hello-kernel.ko" +
				" the call there is of greet.constprop.0, which does not lead to the frame above, myfunc",
		},
		{
			name: "calls what jumps to the frame above", build: "6.1-x86_64",
			frames: []string{"vmalloc+0x3c/0x50", "hello_init+0x17/0x1000 [hello_kernel]"},
			want:   []string{"printed unresolved", "elided proved", "printed proved"},
		},
		{
			// It may jump to one that jumps on: the kernel's file is not there.
			name: "calls what jumps elsewhere", build: "6.1-x86_64",
			frames: []string{"kfree+0x3c/0x50", "hello_init+0x17/0x1000 [hello_kernel]"},
			want:   []string{"printed unresolved", "elided assumed", "printed consistent"},
		},
		{
			name: "calls what jumps nowhere", build: "6.1-x86_64",
			frames: []string{"kfree+0x3c/0x50", "hello_init+0x20/0x1000 [hello_kernel]"},
			want:   []string{"printed unresolved", "printed contradicted"},
			err: "hello_init+0x20/0x1000 [hello_kernel]: contradicted: in testdata/modules/hello_kernel/6.1-x86_64/hello-kernel.ko" +
				" the call there is of greet.constprop.0, which does not lead to the frame above, kfree",
		},
		{
			name: "interrupted, not called", build: "6.1-x86_64",
			frames: []string{"asm_sysvec_apic_timer_interrupt+0x16/0x20", "hello_init+0x19/0x1000 [hello_kernel]"},
			want:   []string{"printed unresolved", "printed consistent"},
		},
		{
			name: "bare address under a frame that it does not call", build: "6.1-x86_64",
			frames: []string{"myfunc+0xa/0x1e [hello_kernel]", "0xffffffffc01b7020", "do_one_initcall+0x4c/0x160"},
			want:   []string{"printed consistent", "printed unresolved", "printed unresolved"},
		},
		{
			name: "file of another build", build: "6.1-i386",
			frames: []string{"greet.constprop.0+0x12/0xfd6 [hello_kernel]", "0xffffffffc01b7020", "do_one_initcall+0x4c/0x160"},
			want:   []string{"printed contradicted", "printed unresolved", "printed unresolved"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Symbolizer{Release: "0", Dirs: []string{filepath.Join(helloModules, tt.build)}}
			defer s.Close()
			var frames []Frame
			for _, text := range tt.frames {
				frames = append(frames, frame(text))
			}
			var got []string
			var last error
			for _, c := range s.Backtrace(frames) {
				got = append(got, fmt.Sprint(c.Kind, " ", c.Confidence))
				last = c.Err
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if tt.err != "" && fmt.Sprint(last) != tt.err {
				t.Errorf("error %v\nwant  %s", last, tt.err)
			}
		})
	}
}

// TestInitFunctionAlone has an init function that the neighbours fit, without any
// other function of its module.
func TestInitFunctionAlone(t *testing.T) {
	hello := filepath.Join(helloModules, "6.1-x86_64/hello-kernel.ko")
	bt := []Frame{
		{Func: "_printk", Offset: 0x58, Size: 0x6b},
		{Addr: 0xffffffffc01b7012},
		{Func: "do_one_initcall", Offset: 0x4c, Size: 0x160},
	}
	tests := []struct {
		name string
		dirs []string
		want Confidence
	}{
		{"the only module", []string{hello}, Assumed},
		{"one of two", []string{hello, "testdata/modules/addresses/6.1-x86_64/addresses.ko"}, Ambiguous},
		{"absent", []string{"testdata/modules/addresses/6.1-x86_64/addresses.ko"}, Unresolved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Symbolizer{Release: "0", Dirs: tt.dirs}
			defer s.Close()
			calls := s.Backtrace(bt)
			if got := calls[1].Confidence; len(calls) != 3 || got != tt.want {
				t.Errorf("%d calls, confidence %v, want %v: %v", len(calls), got, tt.want, calls[1].Reason)
			}
		})
	}
}

// TestBareAddressesOfOneModule has two addresses that could each be in the module,
// but not both: they are too far from each other.
func TestBareAddressesOfOneModule(t *testing.T) {
	s := &Symbolizer{Release: "0", Dirs: []string{filepath.Join(helloModules, "6.1-x86_64")}}
	defer s.Close()
	for _, tt := range []struct {
		addr uint64 // of a second call in the init function
	}{
		{0xffffffffc01b7020}, // init does not call itself
		{0xffffffffc01b8020},
	} {
		calls := s.Backtrace([]Frame{
			{Func: "vmalloc", Offset: 0x3c, Size: 0x50},
			{Addr: 0xffffffffc01b7017},
			{Addr: tt.addr},
			{Func: "do_one_initcall", Offset: 0x4c, Size: 0x160},
		})
		for _, c := range calls {
			if c.Frame.Addr == tt.addr && c.Confidence >= Assumed {
				t.Errorf("%#x is %v %v: %s", tt.addr, c.Confidence, c.Pos, c.Reason)
			}
		}
	}
}
