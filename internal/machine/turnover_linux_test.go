// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"os"
	"path/filepath"
	"slices"
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

func TestParseList(t *testing.T) {
	for text, want := range map[string][]int{
		"0": {0}, "0-3": {0, 1, 2, 3}, "0-1,4,6-7": {0, 1, 4, 6, 7}, "1023": {1023},
		"": nil, "a": nil, "3-1": nil, "-1": nil, "0-": nil, "0,,1": nil, "0-1024": nil, "0-99999999999999999999": nil,
	} {
		got, err := parseList(text)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}

// TestProcessors wants the processors of this machine with sysfs and without.
func TestProcessors(t *testing.T) {
	for _, file := range []string{"/sys/devices/system/cpu/online", filepath.Join(t.TempDir(), "none")} {
		if cpus, err := processors(file); err != nil || len(cpus) < 1 {
			t.Errorf("%s: %v, %v", file, cpus, err)
		}
	}
}
