// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNamed looks in folders and files that the user named, where files are called
// otherwise than the modules that they have.
func TestNamed(t *testing.T) {
	const hello612, hello61 = hello, other
	for _, tt := range []struct {
		name    string
		files   map[string]string
		release string
		dirs    []string // "" is the folder
		want    []string // the file, why it is foreign, and all modules
	}{
		{"the release in the name", map[string]string{"hello-kernel-6.12-x86_64.ko": hello612}, "", []string{""},
			[]string{"hello-kernel-6.12-x86_64.ko", "<nil>", "hello_kernel"}},
		{"such a file itself", map[string]string{"hello-kernel-6.12-x86_64.ko": hello612}, "", []string{"hello-kernel-6.12-x86_64.ko"},
			[]string{"hello-kernel-6.12-x86_64.ko", "<nil>", "hello_kernel"}},
		{"another name", map[string]string{"old.ko": hello612, "x86.ko": linked}, "", []string{""},
			[]string{"old.ko", "<nil>", "hello_kernel", "x86"}},
		{"not an object file's", map[string]string{"module": hello612}, "", []string{"module"},
			[]string{"module", "<nil>", "hello_kernel"}},
		{"another module by this name", map[string]string{"hello-kernel.ko": "../../testdata/modules/leaky/6.12-x86_64/leaky.ko"}, "", []string{""},
			[]string{"hello-kernel.ko", "hello-kernel.ko is of module leaky (.modinfo): give the right file with -dir", "leaky"}},
		{"two, and one is of the release", map[string]string{"hello-kernel.ko": hello61, "new/hello-kernel.ko": hello612}, "6.12.117", []string{""},
			[]string{"new/hello-kernel.ko", "<nil>", "hello_kernel"}},
		{"a series", map[string]string{"hello-kernel.ko": hello61}, "6.1", []string{""}, []string{"hello-kernel.ko", "<nil>", "hello_kernel"}},
		{"no kernel's release", map[string]string{"hello-kernel.ko": hello61}, "0.0.1", []string{""}, []string{"hello-kernel.ko", "<nil>", "hello_kernel"}},
		{"of another release", map[string]string{"hello-kernel.ko": hello61}, "6.12.117", []string{""},
			[]string{"hello-kernel.ko", "hello-kernel.ko is of 6.1.192 (vermagic), the report is of 6.12.117: give the file of that build with -dir", "hello_kernel"}},
		{"of a release that begins alike", map[string]string{"hello-kernel.ko": hello61}, "6.1.19", []string{""},
			[]string{"hello-kernel.ko", "hello-kernel.ko is of 6.1.192 (vermagic), the report is of 6.1.19: give the file of that build with -dir", "hello_kernel"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			for name, from := range tt.files {
				b, err := os.ReadFile(filepath.Join(home, from))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			f := &Finder{Root: t.TempDir(), Release: tt.release}
			for _, d := range tt.dirs {
				f.Dirs = append(f.Dirs, filepath.Clean(d))
			}
			o, err := f.Open(t.Context(), "hello-kernel", "", false)
			if err != nil {
				t.Fatal(err)
			}
			defer o.File.Close()
			got := append([]string{filepath.ToSlash(o.File.Name), fmt.Sprint(o.Foreign)}, slices.Sorted(slices.Values(f.Modules()))...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// home is the package's folder: tests change the working directory.
var home, _ = os.Getwd()
