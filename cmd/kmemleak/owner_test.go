// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

// A leak is left out only if it is known to be of another module.
func TestNotOf(t *testing.T) {
	leaks, errText := readAll(t, readFileText(t, report))
	if errText != "" {
		t.Fatal(errText)
	}
	leaks = append(leaks,
		kmemleak.Leak{Addr: 1, Backtrace: []kmemleak.Frame{{Func: "kmalloc", Offset: 1, Size: 2}, {Func: "pty_open", Offset: 1, Size: 2}}},
		kmemleak.Leak{Addr: 2}) // without a backtrace
	known, err := readSnapshot(modules)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		modules []string
		s       *kmemleak.Symbolizer
		want    int // leaks left
	}{
		{"the module", []string{"hello-kernel"}, &kmemleak.Symbolizer{Dirs: []string{helloDir}, Modules: known.Modules}, 9},
		{"one of two", []string{"ext4", "hello_kernel"}, &kmemleak.Symbolizer{Dirs: []string{helloDir}, Modules: known.Modules}, 9},
		{"another module", []string{"ext4"}, &kmemleak.Symbolizer{Dirs: []string{helloDir}, Modules: known.Modules}, 1},
		// The owner of one of the eight leaks has no name.
		{"the module, without its file", []string{"hello_kernel"}, &kmemleak.Symbolizer{}, 9},
		{"another module, without the file", []string{"ext4"}, &kmemleak.Symbolizer{}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.Release = "0"
			defer tt.s.Close()
			left := slices.DeleteFunc(slices.Clone(leaks), notOf(tt.modules, tt.s))
			if diff := cmp.Diff(tt.want, len(left)); diff != "" {
				t.Errorf("leaks (-want +got):\n%s", diff)
			}
		})
	}
}
