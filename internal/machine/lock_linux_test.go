// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A file that is seen in two places, as debugfs is when it is mounted twice, has one
// lock, which this process may hold several times and others not at all.
func TestTryLock(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	if err := os.WriteFile(first, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(first, second); err != nil {
		t.Fatal(err)
	}
	open := func(name string) int {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
	lock := func(name string, want bool) fileID {
		t.Helper()
		id, ok, err := tryLock(open(name))
		if ok != want || err != nil {
			t.Errorf("%s: %v, %v, want %v", name, ok, err, want)
		}
		return id
	}
	lock(first, true)
	id := lock(second, true)
	lock(first, true)
	if got := held.files[id]; got == nil || got.count != 3 || len(held.files) != 1 {
		t.Errorf("held: %+v, want one file thrice", held.files)
	}
	other := open(first) // as another process has it
	defer unix.Close(other)
	for range 3 {
		if err := unix.Flock(other, unix.LOCK_EX|unix.LOCK_NB); err != unix.EWOULDBLOCK {
			t.Errorf("%v, want that it is locked", err)
		}
		releaseLock(id)
	}
	if err := unix.Flock(other, unix.LOCK_EX|unix.LOCK_NB); err != nil || len(held.files) != 0 {
		t.Errorf("%v, held %v after the release", err, held.files)
	}
	lock(second, false)
}
