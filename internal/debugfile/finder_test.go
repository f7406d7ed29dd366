// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// note returns an ELF note with a build ID, like those in /sys/kernel/notes.
func note(t *testing.T, id string) string {
	t.Helper()
	b, err := hex.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	return "=\x04\x00\x00\x00" + string([]byte{byte(len(b)), 0, 0, 0}) + "\x03\x00\x00\x00GNU\x00" + string(b)
}

// TestRunning compares with the running kernel.
func TestRunning(t *testing.T) {
	const (
		running = "proc/sys/kernel/osrelease"
		notes   = "sys/module/hello_kernel/notes/.note.gnu.build-id"
		source  = "sys/module/hello_kernel/srcversion"
		hash    = "0123456789ABCDEF0123456"
		module  = "lib/modules/REL/extra/hello-kernel.ko"
	)
	id, otherID := idOf(t, "module"), idOf(t, "other")
	byOther := "usr/lib/debug/.build-id/" + byIDPath(otherID) + ".debug"
	tests := []struct {
		name    string
		tree    map[string]string
		release string
		dirs    []string
		file    string
		stale   bool
	}{
		{"the same", map[string]string{running: "=REL\n", notes: note(t, id), module: "module"}, "", nil, module, false},
		{"another one", map[string]string{running: "=REL\n", notes: note(t, otherID), module: "module"}, "", nil, module, true},
		{"another one, and the right one by its ID", map[string]string{running: "=REL\n", notes: note(t, otherID), module: "module", byOther: "other"}, "", nil, byOther, false},
		{"another release is looked for", map[string]string{running: "=1.0\n", notes: note(t, otherID), module: "module"}, release, nil, module, false},
		{"the user says which", map[string]string{running: "=REL\n", notes: note(t, otherID), "mine/hello-kernel.ko": "module"}, "", []string{"mine"}, "mine/hello-kernel.ko", false},
		{"not loaded", map[string]string{running: "=REL\n", module: "module"}, "", nil, module, false},
		{"the same source", map[string]string{running: "=REL\n", source: "=" + hash + "\n", module: "sourced"}, "", nil, module, false},
		{"another source", map[string]string{running: "=REL\n", source: "=" + otherID + "\n", module: "sourced"}, "", nil, module, true},
		{"another source, but the build ID is the right one", map[string]string{running: "=REL\n", source: "=" + otherID + "\n", notes: note(t, id), module: "module"}, "", nil, module, false},
		{"another source, the file does not tell", map[string]string{running: "=REL\n", source: "=" + otherID + "\n", module: "noid"}, "", nil, module, false},
		{"another source, another release", map[string]string{running: "=1.0\n", source: "=" + otherID + "\n", module: "sourced"}, release, nil, module, false},
		{"another source, the user says which", map[string]string{running: "=REL\n", source: "=" + otherID + "\n", "mine/hello-kernel.ko": "sourced"}, "", []string{"mine"}, "mine/hello-kernel.ko", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := plant(t, tt.tree)
			f := &Finder{Root: root, Release: tt.release}
			for _, dir := range tt.dirs {
				f.Dirs = append(f.Dirs, filepath.Join(root, dir))
			}
			o, err := f.Open(t.Context(), "hello_kernel", "", false)
			if err != nil {
				t.Fatal(err)
			}
			defer o.File.Close()
			want := strings.ReplaceAll(tt.file, release, "REL")
			if got := relative(t, root, o.File.Name); got != want || (o.Stale != nil) != tt.stale {
				t.Errorf("%s, stale %v; want %s, %v", got, o.Stale, want, tt.stale)
			}
			if tt.stale && !strings.Contains(o.Stale.Error(), otherID) {
				t.Errorf("%v does not name what is running", o.Stale)
			}
		})
	}
}

// TestMisfits checks that only files that belong together are joined, and that errors
// name those that do not.
func TestMisfits(t *testing.T) {
	const dir, debug = "lib/modules/REL/extra/", "usr/lib/debug/lib/modules/REL/extra/"
	tests := []struct {
		name string
		tree map[string]string
		want string // in the reason why there is no debugging information
	}{
		{"debug file of another build", map[string]string{dir + "hello-kernel.ko": "module.code", debug + "hello-kernel.ko.debug": "other.debug"},
			"has the build ID " + idOf(t, "other")},
		{"debug file without build ID, another checksum", map[string]string{dir + "hello-kernel.ko": "module.code", dir + "module.debug": "noid.debug"}, "has the checksum"},
		{"stripped file without build ID, another checksum", map[string]string{dir + "hello-kernel.ko": "noid.code", dir + "noid.debug": "other.debug"}, "has the checksum"},
		{"nothing", map[string]string{dir + "hello-kernel.ko": "module.code"}, "usr/lib/debug/.build-id"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &Finder{Root: plant(t, tt.tree), Release: release}
			o, err := f.Open(t.Context(), "hello_kernel", "", false)
			if err != nil {
				t.Fatal(err)
			}
			defer o.File.Close()
			if o.File.HasDebug() || !errors.Is(o.Lacks, fs.ErrNotExist) || !strings.Contains(fmt.Sprint(o.Lacks), tt.want) {
				t.Errorf("%s lacks %v, want %q", o.File.Name, o.Lacks, tt.want)
			}
		})
	}
}

// TestNothing checks that errors list the places that were searched.
func TestNothing(t *testing.T) {
	root := t.TempDir()
	f := &Finder{Root: root, Release: release, Dirs: []string{filepath.Join(root, "mine")}}
	for module, want := range map[string][]string{
		"":      {"kernel image", "mine", "usr/lib/debug/boot/vmlinux-" + release, "lib/modules/" + release + "/build/vmlinux"},
		"hello": {"module hello", "mine", "lib/modules/" + release, "usr/lib/debug/lib/modules/" + release},
		"../x":  {"module ../x"},
	} {
		_, err := f.Open(t.Context(), module, "not hex", true)
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: error %v", module, err)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q: no %q in %v", module, w, err)
			}
		}
	}
}
