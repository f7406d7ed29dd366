// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCandidates(t *testing.T) {
	at := func(name, file, returns string, outer ...Pos) Call {
		pos := []Pos{{Func: name, File: "/src/" + file, RawFile: file, Line: 7, Returns: returns}}
		if len(outer) > 0 {
			pos[0].Inlined = true
			pos = append(pos, outer...)
			name = outer[len(outer)-1].Func
		}
		return Call{Frame: Frame{Func: name + ".isra.0"}, Confidence: Consistent, Pos: pos}
	}
	bare := Call{Frame: Frame{Addr: 0xffffffffc03d4015}}
	kmalloc := Call{Frame: Frame{Func: "__kmalloc_noprof"}}
	unsure := at("thing_alloc", "net/a.c", "pointer")
	unsure.Confidence = Ambiguous
	elided := at("thing_open", "net/a.c", "value")
	elided.Kind, elided.Confidence = KindElided, Ambiguous
	for _, tt := range []struct {
		name  string
		calls []Call
		want  []string
	}{
		{"none", []Call{kmalloc}, nil},
		{"a pointer is handed on", []Call{kmalloc, at("thing_create", "net/a.c", "pointer"), at("bus_open", "net/bus/b.c", "value"), at("c_open", "net/c.c", "value")}, []string{
			"bus_open /src/net/bus/b.c:7 in /src/net/bus: called thing_create, which returns what it makes",
			"thing_create /src/net/a.c:7 in /src/net: returns what it makes",
			"c_open /src/net/c.c:7 in /src/net: called bus_open, which returns no pointer",
		}},
		{"a number is not", []Call{kmalloc, at("thing_alloc", "net/a.c", "value"), at("bus_open", "net/b.c", "value")}, []string{
			"thing_alloc /src/net/a.c:7 in /src/net: called an allocator",
			"bus_open /src/net/b.c:7 in /src/net: called thing_alloc, which returns no pointer",
		}},
		{"places that are no facts", []Call{kmalloc, unsure, {Frame: Frame{Func: "bus_open"}}}, []string{
			"bus_open: called thing_alloc, which hands on what it makes, as its name says",
			"thing_alloc: hands on what it makes, as its name says (tie)",
		}},
		{"library", []Call{kmalloc, at("thing_init", "lib/thing.c", "value"), bare}, []string{": called thing_init, which is of lib, which serves any caller"}},
		{"not to a bare address", []Call{kmalloc, at("thing_alloc", "net/a.c", "pointer"), bare}, []string{"thing_alloc /src/net/a.c:7 in /src/net: called an allocator"}},
		{"perhaps elided", []Call{kmalloc, at("thing_alloc", "net/a.c", "pointer"), elided, at("bus_open", "net/b.c", "value")}, []string{
			"bus_open /src/net/b.c:7 in /src/net: called thing_alloc, which returns what it makes",
			"thing_alloc /src/net/a.c:7 in /src/net: returns what it makes",
		}},
		{"inlined", []Call{kmalloc, at("thing_new", "net/a.h", "pointer", Pos{Func: "bus_open", File: "/src/net/b.c", RawFile: "net/b.c", Line: 9, Returns: "value"})}, []string{
			"bus_open /src/net/b.c:9 in /src/net: called an allocator",
		}},
		{"inlined from the same file", []Call{kmalloc, at("thing_new", "net/b.c", "pointer", Pos{Func: "bus_open", File: "/src/net/b.c", RawFile: "net/b.c", Line: 9, Returns: "value"})}, []string{
			"thing_new /src/net/b.c:7 in /src/net: called an allocator",
		}},
	} {
		var got []string
		for _, c := range CandidatesOf(tt.calls) {
			s := c.Name()
			if c.Pos != nil {
				s += fmt.Sprintf(" %s:%d in %s", c.Pos.File, c.Pos.Line, c.Dir())
			}
			s += ": " + c.Reason
			if c.Tie {
				s += " (tie)"
			}
			got = append(got, s)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		list := (Leak{Calls: tt.calls}).Candidates()
		if owner := OwnerOf(tt.calls); len(list) > 0 && list[0].Owner != owner {
			t.Errorf("%s: the first candidate is %+v, the owner %+v", tt.name, list[0].Owner, owner)
		}
	}
}

// TestCandidatesDecoded asks for candidates of a backtrace alone: a decoding tool's files
// are facts, and equal to those of Calls.
func TestCandidatesDecoded(t *testing.T) {
	l := Leak{Backtrace: frames("__kmalloc+0x1/0x2 mm/slub.c:9", "thing_init+0x1/0x2 lib/thing.c:1", "helper net/a.h:1 [inline]", "bus_open+0x1/0x2 net/b.c:2", "c_open+0x1/0x2 net/c.c:3")}
	var got []string
	for _, c := range l.Candidates() {
		got = append(got, c.Name()+" "+c.Pos.File)
	}
	if diff := cmp.Diff([]string{"helper net/a.h", "bus_open net/b.c", "c_open net/c.c"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if o := l.Owner(); o.Func() != "bus_open" {
		t.Errorf("owner %s", o.Func())
	}
}
