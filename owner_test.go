// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwner(t *testing.T) {
	tests := []struct {
		name      string
		backtrace []Frame
		want      string // "": none
	}{
		{"none", nil, ""},
		{"old plumbing", frames("create_object+0x1/0x2", "kmemleak_alloc+0x1/0x2", "__vmalloc_node+0x1/0x2", "vmalloc+0x1/0x2", "myfunc+0x21/0x23 [m]"), "myfunc+0x21/0x23 [m]"},
		{"new plumbing", frames("__kmalloc_cache_noprof+0x1/0x2", "kmemdup_noprof.part.0+0x1/0x2", ".myfunc.isra.0+0x1/0x2"), ".myfunc.isra.0+0x1/0x2"},
		{"bare", frames("vmalloc+0x1/0x2", "0xffffffffc03d4015", "do_one_initcall+0x1/0x2"), "0xffffffffc03d4015"},
		{"decoded", frames("kzalloc include/linux/slab.h:1 [inline]", "helper a.c:1 [inline]", "myfunc+0x1/0x2 a.c:2"), "myfunc+0x1/0x2 a.c:2"},
		{"allocators only", frames("__kmalloc+0x1/0x2", "0xffffffffffffffff"), ""},
		{"looks like one", frames("kmalloc_user+0x1/0x2"), "kmalloc_user+0x1/0x2"},
		{"Rust", frames("krealloc_noprof+0x1/0x2", "_RNvXNtNtCs1_6kernel5alloc9allocatorNtB2_7KmallocNtB4_9Allocator7realloc+0x1/0x2", "_RNvCs1_6my_mod4init+0x1/0x2 [my_mod]"), "_RNvCs1_6my_mod4init+0x1/0x2 [my_mod]"},
	}
	for _, tt := range tests {
		got := ""
		if o := (Leak{Backtrace: tt.backtrace}).Owner(); o.Call != nil {
			got = o.Call.Frame.String()
		}
		if got != tt.want {
			t.Errorf("%s: owner %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestOwnerOf(t *testing.T) {
	pos := func(names ...string) (ps []Pos) {
		for i, name := range names {
			ps = append(ps, Pos{Func: name, Line: 1, Inlined: i < len(names)-1})
		}
		return ps
	}
	bare := Frame{Addr: 0xffffffffc03d4015}
	alloc := Call{Frame: Frame{Func: "__kmalloc", Size: 1}, Confidence: Proved, Pos: pos("__kmalloc")}
	for _, tt := range []struct {
		name      string
		calls     []Call
		call, pos int
	}{
		{"none", nil, -1, -1},
		{"allocators only", []Call{alloc}, -1, -1},
		{"printed", []Call{alloc, {Frame: Frame{Func: "myfunc"}, Confidence: Consistent, Pos: pos("myfunc")}}, 1, 0},
		{"no place", []Call{alloc, {Frame: Frame{Func: "myfunc"}}}, 1, -1},
		{"contradicted", []Call{alloc, {Frame: Frame{Func: "myfunc"}, Confidence: Contradicted, Pos: pos("myfunc")}}, 1, -1},
		{"inline chain", []Call{{Frame: Frame{Func: "greet.isra.0"}, Confidence: Assumed, Pos: pos("kmalloc_noprof", "greeting_new", "greet")}}, 0, 1},
		{"allocator in the innermost only", []Call{{Frame: Frame{Func: "greet"}, Confidence: Assumed, Pos: pos("kmalloc", "kzalloc", "greet")}}, 0, 2},
		{"recovered", []Call{alloc, {Frame: bare, Kind: KindRecovered, Confidence: Assumed, Pos: pos("myfunc")}}, 1, 0},
		{"recovered allocator", []Call{{Frame: bare, Kind: KindRecovered, Confidence: Assumed, Pos: pos("kmemdup")}, {Frame: bare}}, 1, -1},
		{"ambiguous", []Call{alloc, {Frame: bare, Kind: KindRecovered, Confidence: Ambiguous, Pos: pos("myfunc")}}, 1, -1},
		{"elided", []Call{alloc, {Frame: Frame{Func: "myfunc"}, Kind: KindElided, Confidence: Assumed, Pos: pos("myfunc")}, {Frame: bare}}, 1, 0},
		{"perhaps elided", []Call{alloc, {Frame: Frame{Func: "myfunc"}, Kind: KindElided, Confidence: Ambiguous, Pos: pos("myfunc")}, {Frame: bare}}, 2, -1},
		{"decoded", []Call{{Frame: Frame{Func: "f", Inlined: true}, Confidence: Assumed, Pos: pos("f")}, {Frame: Frame{Func: "myfunc", Size: 1}}}, 1, -1},
	} {
		var want Owner
		if tt.call >= 0 {
			want.Call = &tt.calls[tt.call]
		}
		if tt.pos >= 0 {
			want.Pos = &want.Call.Pos[tt.pos]
		}
		if got := OwnerOf(tt.calls); got != want {
			t.Errorf("%s: owner %+v, want call %d, place %d", tt.name, got, tt.call, tt.pos)
		}
		if got := (Leak{Calls: tt.calls}).Owner(); got != want && tt.calls != nil {
			t.Errorf("%s: owner of a leak %+v, want call %d, place %d", tt.name, got, tt.call, tt.pos)
		}
	}
}

func TestOwnerUnloaded(t *testing.T) {
	for _, build := range helloBuilds {
		leaks, modules := helloReport(t, build)
		leaks = unloaded(t, build, leaks, modules)
		s := &Symbolizer{Release: "0", Dirs: []string{helloModules + "/" + build}, Modules: modules}
		defer s.Close()
		for i, l := range leaks {
			l.Calls = s.Backtrace(l.Backtrace)
			owner := l.Owner()
			module, _ := owner.Module()
			want := "greet"
			if i < 3 {
				want = "myfunc"
			}
			if diff := cmp.Diff([]string{want, "hello_kernel"}, []string{owner.Func(), module}); diff != "" {
				t.Errorf("%s: owner of leak %d (-want +got):\n%s", build, i, diff)
			}
		}
	}
}
