// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBuilds lists the builds of a module, each once, and opens each.
func TestBuilds(t *testing.T) {
	for _, tt := range []struct {
		name    string
		tree    map[string]string
		release string
		want    []string
	}{
		{"none", map[string]string{"x.ko": "vmlinux"}, "", nil},
		{"two", map[string]string{"hello-kernel.ko": "module", "old/hello-kernel.ko": "other"}, "", []string{"hello-kernel.ko 64 false", "old/hello-kernel.ko 64 false"}},
		{"one of another release", map[string]string{"a.ko": "module", "b.ko": "other"}, "6.1.192", []string{"a.ko 64 true", "b.ko 64 false"}},
		{"twice the same, and its debug file", map[string]string{"a.ko": "module", "b/hello-kernel.ko": "module.code", "b/hello-kernel.ko.debug": "module.debug"}, "",
			[]string{"a.ko 64 false"}},
		{"without build IDs", map[string]string{"a.ko": "noid.code", "b.ko": "other", "c.ko": "noid"}, "", []string{"a.ko 64 false", "b.ko 64 false", "c.ko 64 false"}},
		{"an installed kernel", map[string]string{"modules.dep": "=extra/hello-kernel.ko:", "extra/hello-kernel.ko": "module", "extra/b.ko": "other"}, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := plant(t, tt.tree)
			f := &Finder{Root: t.TempDir(), Release: tt.release, Dirs: []string{root}}
			var got []string
			for _, b := range f.Builds("hello-kernel") {
				got = append(got, fmt.Sprint(relative(t, root, b.Path), " ", b.Bits, " ", b.Foreign))
				o, err := f.Choosing("hello-kernel", b).Open(t.Context(), "hello_kernel", "", false)
				if err != nil {
					t.Fatal(err)
				}
				if o.File.BuildID() != b.ID || b.ID == "" && filepath.Clean(o.File.Name) != b.Path {
					t.Errorf("chose %v, opened %s", b, o.File.Name)
				}
				o.File.Close()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
