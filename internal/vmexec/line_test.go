// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestLinker(t *testing.T) {
	name := filepath.Join(t.TempDir(), "line")
	l := &linker{name: name}
	for _, piece := range []string{"char device redirected ", "to /dev/pts/7 (label line)\n", "more\n"} {
		if _, err := io.WriteString(l, piece); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.Readlink(name); got != "/dev/pts/7" {
		t.Errorf("a link to %q, %v", got, err)
	}
}
