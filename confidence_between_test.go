// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBacktraceBetween has calls of functions that are not those of the frames above,
// without a file that shows how they lead there.
func TestBacktraceBetween(t *testing.T) {
	const (
		alloc = "__vmalloc_node_noprof+0x43/0x60"
		init  = "hello_init+%s/0x1000 [hello_kernel]"
		entry = "do_one_initcall+0x4c/0x160"
	)
	calls := func(offset string) string { return fmt.Sprintf(init, offset) }
	modules := []Module{{Name: "hello_kernel", Sections: map[string]uint64{".init.text": 0xffffffffc0300000}}}
	hello := helloModules + "/6.1-x86_64"
	for _, tt := range []struct {
		name, dir     string
		frames        []string
		want          []string // what is known of the last frame but one
		owner, module string
	}{
		{
			name: "a function of the module jumps to the kernel", dir: hello,
			frames: []string{alloc, calls("0x17"), entry},
			want: []string{"elided assumed myfunc hello.c:0: the call below is of it: myfunc, and perhaps more, lie between that and __vmalloc_node_noprof",
				"printed consistent hello_init hello.c:64: "},
			owner: "myfunc", module: "hello_kernel true",
		},
		{
			name: "so it does of a recovered frame", dir: hello,
			frames: []string{alloc, "0xffffffffc0300017", entry},
			want: []string{"elided assumed myfunc hello.c:0: the call below is of it: myfunc, and perhaps more, lie between that and __vmalloc_node_noprof",
				"recovered consistent hello_init hello.c:64: "},
			owner: "myfunc", module: "hello_kernel true",
		},
		{
			name: "a function of another file", dir: hello,
			frames: []string{alloc, calls("0x12"), entry},
			want: []string{"elided assumed _printk: the call below is of it: _printk, and perhaps more, lie between that and __vmalloc_node_noprof",
				"printed consistent hello_init hello.c:63: "},
			owner: "_printk", module: " false",
		},
		{
			name: "another name of the function above", dir: hello,
			frames: []string{"printk+0x43/0x60", calls("0x12"), entry},
			want:   []string{"printed consistent hello_init hello.c:63: "},
			owner:  "printk", module: " true",
		},
		{
			name: "an allocator and another", dir: hello,
			frames: []string{"__vmalloc_node_range+0x758/0x7e0", "myfunc+0xa/0x1e [hello_kernel]", entry},
			want:   []string{"printed consistent myfunc hello.c:29: "},
			owner:  "myfunc", module: "hello_kernel true",
		},
		{
			name: "the function above by its clone's name", dir: hello,
			frames: []string{"_printk.isra.0+0x43/0x60", calls("0x12"), entry},
			want:   []string{"printed proved hello_init hello.c:63: the call is of the function of the frame above"},
			owner:  "_printk", module: " true",
		},
		{
			name: "an interrupt above", dir: hello,
			frames: []string{"asm_sysvec_apic_timer_interrupt+0x16/0x20", calls("0x17"), entry},
			want:   []string{"printed consistent hello_init hello.c:66: "},
			owner:  "asm_sysvec_apic_timer_interrupt", module: " true",
		},
		{
			name: "a bare address above", dir: hello,
			frames: []string{"0xffffffffc0900017", calls("0x17"), entry},
			want:   []string{"printed consistent hello_init hello.c:64: "},
			module: " false",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Symbolizer{Release: "0", Dirs: []string{filepath.FromSlash(tt.dir)}, Modules: modules}
			defer s.Close()
			var frames []Frame
			for _, text := range tt.frames {
				f, err := ParseFrame(text)
				if err != nil {
					t.Fatal(err)
				}
				frames = append(frames, f)
			}
			calls := s.Backtrace(frames)
			var got []string
			for _, c := range calls[1 : len(calls)-1] {
				got = append(got, fmt.Sprintf("%v %v %s: %s", c.Kind, c.Confidence, brief(c.Pos), c.Reason))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			owner := OwnerOf(calls)
			module, known := owner.Module()
			if diff := cmp.Diff([]string{tt.owner, tt.module}, []string{owner.Func(), fmt.Sprint(module, " ", known)}); diff != "" {
				t.Errorf("owner (-want +got):\n%s", diff)
			}
		})
	}
}
