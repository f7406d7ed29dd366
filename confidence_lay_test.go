// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLay has a bare address that is known by its text alone because another backtrace
// shows where the code of the module lay.
func TestLay(t *testing.T) {
	const (
		named   = "myfunc+0xa/0x1e [hello_kernel]"
		bare    = "0xffffffffc01b7017"
		same    = "0xffffffffc01b7020"
		distant = "0xffffffffc0999017"
		entry   = "do_one_initcall+0x4c/0x160"
		alloc   = "__vmalloc_node+0x3f/0x50"
		unknown = "kfree+0x3f/0x50"
	)
	const weak, elided = "recovered ambiguous hello.c:64", "elided assumed hello.c:0"
	hello, addresses := filepath.Join(helloModules, "6.1-x86_64"), "testdata/modules/addresses/6.1-x86_64"
	for _, tt := range []struct {
		name string
		dirs []string
		bts  [][]string
		want []string // of the last one, without its last frame
	}{
		{"alone, with another module at hand", []string{hello, addresses}, [][]string{{alloc, bare, entry}}, []string{"printed unresolved ", weak}},
		{"after one that names the module", []string{hello, addresses}, [][]string{{named, bare, entry}, {alloc, bare, entry}},
			[]string{"printed unresolved ", elided, "recovered assumed hello.c:64"}},
		{"after another place in it", []string{hello, addresses}, [][]string{{"greet.constprop.0+0x19/0xfd6 [hello_kernel]", same, entry}, {alloc, bare, entry}},
			[]string{"printed unresolved ", elided, "recovered assumed hello.c:64"}},
		{"it lay elsewhere", []string{hello, addresses}, [][]string{{named, distant, entry}, {alloc, bare, entry}}, []string{"printed unresolved ", weak}},
		{"after one that shows nothing", []string{hello, addresses}, [][]string{{unknown, bare, entry}, {alloc, bare, entry}}, []string{"printed unresolved ", weak}},
		{"a frame does not fit the file", []string{hello, addresses}, [][]string{{named, bare, entry}, {"greet.constprop.0+0x19/0x60 [hello_kernel]"}, {alloc, bare, entry}},
			[]string{"printed unresolved ", weak}},
		{"no neighbour agrees", []string{hello, addresses}, [][]string{{named, bare, entry}, {unknown, bare, unknown}}, []string{"printed unresolved ", weak}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Symbolizer{Release: "0", Dirs: tt.dirs}
			defer s.Close()
			var got []string
			for _, texts := range tt.bts {
				var bt []Frame
				for _, text := range texts {
					f, err := ParseFrame(text)
					if err != nil {
						t.Fatal(err)
					}
					bt = append(bt, f)
				}
				got = nil
				calls := s.Backtrace(bt)
				for _, c := range calls[:len(calls)-1] {
					place := ""
					if len(c.Pos) > 0 {
						place = fmt.Sprintf("%s:%d", filepath.Base(c.Pos[0].File), c.Pos[0].Line)
					}
					got = append(got, fmt.Sprint(c.Kind, " ", c.Confidence, " ", place))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
