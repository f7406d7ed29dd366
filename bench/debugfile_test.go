// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package bench

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak/internal/debugfile"
)

// TestDebianPackage finds the image and every module of Debian's debug package by
// name, where the package puts them.
func TestDebianPackage(t *testing.T) {
	dir := objects(t)
	root, release, ok := strings.Cut(filepath.Clean(dir), "/usr/lib/debug/lib/modules/")
	if !ok {
		t.Fatalf("%s is not of Debian's package", dir)
	}
	f := &debugfile.Finder{Root: root, Release: release}
	open := func(module, want string) {
		o, err := f.Open(t.Context(), module, "", false)
		if err != nil {
			t.Errorf("%q: %v", module, err)
			return
		}
		defer o.File.Close()
		if o.File.Name != want || o.Lacks != nil || o.Stale != nil {
			t.Errorf("%q is %s, not %s; lacks %v, stale %v", module, o.File.Name, want, o.Lacks, o.Stale)
		}
	}
	open("", filepath.Join(root, "usr/lib/debug/boot/vmlinux-"+release))
	n := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok && err == nil {
			n++
			open(debugfile.ModuleName(name), path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d modules", n)
}
