// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTurnOver sees that filters are attached and that nothing is left of them; that
// more is found by it is for TestIntegrationRecall.
func TestTurnOver(t *testing.T) {
	before := sockets(t)
	for range 2 {
		local{}.TurnOver(t.Context())
	}
	if n := sockets(t) - before; n < len(slabSizes) || n%len(slabSizes) != 0 {
		t.Errorf("%d sockets, want %d for each processor", n, len(slabSizes))
	}
	// On a machine without kmemleak the scan fails, after that.
	_ = local{path: filepath.Join(t.TempDir(), "none")}.Scan(t.Context())
	if n := sockets(t); n != before {
		t.Errorf("%d sockets, before %d", n, before)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, size := range slabSizes {
		if err := attach(fd, size); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// sockets returns how many sockets this process has open.
func sockets(t *testing.T) (n int) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
