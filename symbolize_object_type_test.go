// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObjectType(t *testing.T) {
	for _, build := range helloBuilds {
		t.Run(build, func(t *testing.T) {
			leaks, modules := helloReport(t, build)
			gone, _ := helloReport(t, build)
			gone = unloaded(t, build, gone, modules)
			for i := range leaks {
				var want []ObjectGuess
				if i >= 3 {
					want = []ObjectGuess{{
						Type: "struct greeting", Size: 64, Variable: "g", Func: "greeting_new",
						Reason: "g in greeting_new points to struct greeting, which has the size of the object",
						Fields: []ObjectField{
							{"number", "u32", 0, 4, string(rune('0' + i - 3))},
							{"length", "u32", 4, 4, "56"},
							{"text", "char[]", 8, 56, `"` + strings.Repeat("A", 24) + `"…`},
						},
					}}
					if build == "6.12-x86_64" || build == "7.3-x86_64" {
						want[0].Reason = "g in greeting_new receives the result of the call, and struct greeting has the size of the object"
					}
				}
				for _, tt := range []struct {
					name string
					leak Leak
				}{{"loaded", leaks[i]}, {"unloaded", gone[i]}, {"behind a maker", behind(leaks[i])}} {
					s := &Symbolizer{Release: "0", Dirs: []string{filepath.Join(helloModules, build)}}
					got, err := s.ObjectType(tt.leak)
					if i == 2 && err == nil && !leavesNoJump(build) {
						t.Errorf("leak %d, %s: no error although its function was left by a jump", i, tt.name)
					} else if i != 2 && err != nil {
						t.Errorf("leak %d, %s: %v", i, tt.name, err)
					}
					// ptr in myfunc points to char: nothing to say of an object of 4096 bytes.
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("leak %d, %s (-want +got):\n%s", i, tt.name, diff)
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

// behind returns a leak whose object was made by a function without a file, and handed on.
func behind(l Leak) Leak {
	i := slices.IndexFunc(l.Backtrace, func(f Frame) bool { return !isAllocator(f.Func) })
	l.Backtrace = slices.Insert(slices.Clone(l.Backtrace), i, Frame{Func: "thing_alloc", Offset: 1, Size: 2, Module: "thing"})
	return l
}
