// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/debugfile"
)

// TestHops finds what several ways of jumps have in common. A way is written
// "a@1 b@2", with the address of the jump to the next function, and a wild one
// without the last address.
func TestHops(t *testing.T) {
	ways := func(texts []string) (all [][]step) {
		for _, text := range texts {
			var way []step
			names := strings.Fields(text)
			for i, word := range names {
				st := step{next: "to"}
				name, at, ok := strings.Cut(word, "@")
				st.function = function{name: name, entry: uint64(name[0]), path: "x"}
				if ok {
					st.jumps = []uint64{uint64(at[0] - '0')}
				} else {
					st.next = ""
				}
				if i+1 < len(names) {
					st.next, _, _ = strings.Cut(names[i+1], "@")
				}
				way = append(way, st)
			}
			all = append(all, way)
		}
		return all
	}
	tests := []struct {
		name        string
		paths, wild []string
		cut         bool
		want        []string // innermost first
	}{
		{"one way", []string{"a@1 b@2"}, nil, false, []string{"b to to", "a to b"}},
		{"two ways from the same function", []string{"a@1 b@2", "a@3 c@4"}, nil, false, []string{"a to "}},
		{"two ways that meet", []string{"a@1 b@2 d@5", "a@3 c@4 d@5"}, nil, false, []string{"d to to", "a to "}},
		{"one of two is shorter", []string{"a@1 b@2", "a@3"}, nil, false, []string{"a to "}},
		{"may go anywhere from the first", []string{"a@1 b@2"}, []string{"a"}, false, []string{"a to "}},
		{"may go anywhere from the last", []string{"a@1 b@2"}, []string{"a@1 b"}, false, []string{"b to ", "a to b"}},
		{"may go anywhere from a side way", []string{"a@1 b@2"}, []string{"a@3 c"}, false, []string{"a to "}},
		{"too many to look at", []string{"a@1 b@2"}, nil, true, []string{"a to "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := New(Config{Files: &debugfile.Finder{Release: "0", Dirs: []string{t.TempDir()}}})
			w := &tailWalk{linker: &r.links, cut: tt.cut, paths: ways(tt.paths), wild: ways(tt.wild)}
			var got []string
			for _, h := range w.hops() {
				got = append(got, fmt.Sprintf("%s to %s", h.name, h.next))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("hops (-want +got):\n%s", diff)
			}
		})
	}
}
