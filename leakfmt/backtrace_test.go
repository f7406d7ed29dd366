// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

// places returns a chain of functions that were inlined into the last.
func places(names ...string) (ps []kmemleak.Pos) {
	for i, name := range names {
		ps = append(ps, kmemleak.Pos{Func: name, File: name + ".c", Line: i + 1, Inlined: i < len(names)-1})
	}
	return ps
}

func TestBacktrace(t *testing.T) {
	printed := func(name string, c kmemleak.Confidence, pos ...kmemleak.Pos) kmemleak.Call {
		return kmemleak.Call{Frame: kmemleak.Frame{Func: name, Offset: 1, Size: 2}, Confidence: c, Pos: pos, ObjectFile: "vmlinux"}
	}
	bare := kmemleak.Frame{Addr: 0xffffffffc03d4015}
	var many [][]kmemleak.Pos
	for range 20 {
		many = append(many, places("f"))
	}
	for _, tt := range []struct {
		name   string
		detail Detail
		call   kmemleak.Call
		want   string
	}{
		{"consistent", Normal, printed("f", kmemleak.Consistent, places("f")...), "→ f+0x1/0x2  f.c:1\n"},
		{"consistent, verbose", Verbose, printed("f", kmemleak.Consistent, places("f")...), "→ f+0x1/0x2  f.c:1  consistent\n"},
		{"assumed", Normal, printed("f", kmemleak.Assumed, places("f")...), "→ f+0x1/0x2  f.c:1  assumed\n"},
		{"inline chain", Normal, printed("f", kmemleak.Consistent, places("kmalloc", "g", "f")...),
			"  kmalloc    kmalloc.c:1  inlined\n→ g          g.c:2        inlined\n  f+0x1/0x2  f.c:3\n"},
		{"no file", Normal, printed("f", kmemleak.Consistent, kmemleak.Pos{Func: "f"}), "→ f+0x1/0x2\n"},
		{"no line", Normal, printed("f", kmemleak.Consistent, kmemleak.Pos{Func: "f", File: "f.c"}), "→ f+0x1/0x2  f.c\n"},
		{"ambiguous", Normal, kmemleak.Call{
			Frame: kmemleak.Frame{Func: "f", Offset: 1, Size: 2}, Confidence: kmemleak.Ambiguous,
			Pos: places("f"), Others: [][]kmemleak.Pos{places("h", "f")}, ObjectFile: "o", Err: errors.New("2 places fit"),
		}, "→ f+0x1/0x2  ambiguous\n      perhaps f at f.c:1\n      perhaps h at h.c:1, inlined into f\n"},
		{"very ambiguous", Normal, kmemleak.Call{Frame: bare, Kind: kmemleak.KindRecovered, Confidence: kmemleak.Ambiguous, Pos: places("f"), Others: many, ObjectFile: "o"},
			"→ 0xffffffffc03d4015  ambiguous\n" + strings.Repeat("      perhaps f at f.c:1\n", 8) + "      perhaps one of 13 more\n"},
		{"contradicted", Normal, kmemleak.Call{
			Frame: kmemleak.Frame{Func: "f", Offset: 1, Size: 2}, Confidence: kmemleak.Contradicted, Pos: places("f"), ObjectFile: "o", Err: errors.New("no call there"),
		}, "→ f+0x1/0x2  contradicted\n      no call there\n"},
		{"unresolved", Normal, kmemleak.Call{Frame: bare, Err: errors.New("no file\nof it")}, "→ 0xffffffffc03d4015\n      no file; of it\n"},
		{"unresolved, brief", Brief, kmemleak.Call{Frame: bare, Err: errors.New("no file")}, "→ 0xffffffffc03d4015\n"},
		{"recovered", Normal, kmemleak.Call{Frame: bare, Kind: kmemleak.KindRecovered, Confidence: kmemleak.Proved, Module: "m", Pos: places("f"), ObjectFile: "o"},
			"→ f [m]  f.c:1  recovered\n"},
		{"recovered, verbose", Verbose, kmemleak.Call{Frame: bare, Kind: kmemleak.KindRecovered, Confidence: kmemleak.Assumed, Pos: places("f"), ObjectFile: "o", Reason: "why"},
			"→ f  f.c:1  recovered, assumed\n      why\n"},
		{"elided", Normal, kmemleak.Call{Frame: kmemleak.Frame{Func: "f", Module: "m"}, Kind: kmemleak.KindElided, Confidence: kmemleak.Proved, Module: "m", Pos: places("f"), ObjectFile: "o"},
			"→ f [m]  f.c:1  elided\n"},
		{"perhaps elided", Normal, kmemleak.Call{Frame: kmemleak.Frame{Func: "f"}, Kind: kmemleak.KindElided, Confidence: kmemleak.Ambiguous, Pos: places("f"), ObjectFile: "o"},
			"  f  elided, ambiguous\n      perhaps f at f.c:1\n"},
		{"Rust", Normal, printed("_RNvCs1_6my_mod4init", kmemleak.Unresolved), "→ my_mod::init+0x1/0x2\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			p := newPrinter(&b, &Options{Detail: tt.detail})
			p.table("", p.rows([]kmemleak.Call{tt.call}))
			p.out.Flush()
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOwner(t *testing.T) {
	for want, frames := range map[string][]kmemleak.Frame{
		"owner not known":    nil,
		"0xffffffffc03d4015": {{Func: "kmalloc", Size: 1}, {Addr: 0xffffffffc03d4015}},
		"lose+0x1/0x10 [m]":  {{Func: "lose", Offset: 1, Size: 0x10, Module: "m"}},
		"lose [m] at a.c:5":  {{Func: "lose", Offset: 1, Size: 0x10, Module: "m", File: "a.c", Line: 5}},
		"new at a.c:3, inlined into lose": {
			{Func: "kmalloc", File: "slab.h", Line: 9, Inlined: true}, {Func: "new", File: "a.c", Line: 3, Inlined: true},
			{Func: "lose", Offset: 1, Size: 0x10, File: "a.c", Line: 5},
		},
	} {
		if got := Owner(kmemleak.Leak{Backtrace: frames}, nil); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
