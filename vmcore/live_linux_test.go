// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestIsKcore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dump")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{file: false, "/nowhere": false, "/proc/self/status": false, "/proc/kcore": true, "/proc//kcore": true} {
		if got := isKcore(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := os.Stat(kcorePath); err == nil {
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(kcorePath, link); err != nil {
			t.Fatal(err)
		}
		if !isKcore(link) {
			t.Error("a link to it is another file")
		}
	}
}

func TestRefused(t *testing.T) {
	for err, want := range map[error]bool{
		&os.PathError{Op: "read", Err: syscall.EFAULT}: true,
		fmt.Errorf("at 7: %w", syscall.EIO):            true,
		syscall.ENXIO:                                  true,
		syscall.EPERM:                                  false,
		os.ErrClosed:                                   false,
	} {
		if got := refused(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
