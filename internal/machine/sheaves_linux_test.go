// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestShrink wants that which caches are shrunk: those with arrays, each once.
func TestShrink(t *testing.T) {
	dir := t.TempDir()
	for name, capacity := range map[string]string{":0001024": "12\n", "dentry": "26\n", "kmem_cache": "0\n", "old": ""} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		files := map[string]string{"shrink": "\n", "sheaf_capacity": capacity}
		if capacity == "" {
			delete(files, "sheaf_capacity")
		}
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, alias := range []string{"kmalloc-1k", "pool_workqueue"} {
		if err := os.Symlink(":0001024", filepath.Join(dir, alias)); err != nil {
			t.Fatal(err)
		}
	}
	if err := shrink(dir); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range []string{":0001024", "dentry", "kmem_cache", "old"} {
		text, err := os.ReadFile(filepath.Join(dir, name, "shrink"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(text), "1") {
			got = append(got, name)
		}
	}
	if diff := cmp.Diff([]string{":0001024", "dentry"}, got); diff != "" {
		t.Errorf("shrunk (-want +got):\n%s", diff)
	}
	if err := partitioned(dir); err != nil {
		t.Error(err)
	}
	if err := os.Symlink(":0001024", filepath.Join(dir, "kmalloc-rnd-01-1k")); err != nil {
		t.Fatal(err)
	}
	if err := partitioned(dir); err == nil {
		t.Error("no error with several caches of a size")
	}
	if err := shrink(filepath.Join(dir, "none")); err == nil {
		t.Error("no error without caches")
	}
	// A file system that is read-only, as in containers, refuses to open the file.
	if err := os.Remove(filepath.Join(dir, "dentry", "shrink")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "dentry", "shrink"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := shrink(dir); err == nil {
		t.Error("no error where a cache cannot be shrunk")
	}
}
