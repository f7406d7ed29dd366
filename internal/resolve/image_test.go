// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/kmemleak/kmemleak/internal/debugfile"
)

// TestEvict uses more modules than stay open, several at a time.
func TestEvict(t *testing.T) {
	dir := t.TempDir()
	good, err := os.ReadFile("../../testdata/modules/hello_kernel/6.1-x86_64/hello-kernel.ko")
	if err != nil {
		t.Fatal(err)
	}
	r := New(Config{Files: &debugfile.Finder{Dirs: []string{dir}}, Describe: func(f Frame) string { return f.Func }})
	// The file has its module's name, too.
	name := func(i int) string { return "module_num_" + string(rune('a'+i)) }
	const n = maxImages + 8
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, name(i)+".ko"), bytes.ReplaceAll(good, []byte("hello_kernel"), []byte(name(i))), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for k := range 10 * n {
				f := Frame{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: name(k * 7 % n), Line: k}
				if _, err := r.Frame(f); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
	if len(r.images.open) > maxImages {
		t.Errorf("%d files are open, want at most %d", len(r.images.open), maxImages)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
