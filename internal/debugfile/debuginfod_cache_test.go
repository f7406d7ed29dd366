// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCacheFolder checks the order of elfutils' clients.
func TestCacheFolder(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("DEBUGINFOD_CACHE_PATH", "")
	check := func(want string) {
		t.Helper()
		if got, err := cacheFolder(); got != want || err != nil {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
	check(filepath.Join(home, ".cache", "debuginfod_client"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "xdg"))
	check(filepath.Join(home, "xdg", "debuginfod_client"))
	old := filepath.Join(home, ".debuginfod_client_cache")
	if err := os.Mkdir(old, 0o700); err != nil {
		t.Fatal(err)
	}
	check(old)
	t.Setenv("DEBUGINFOD_CACHE_PATH", "/somewhere")
	check("/somewhere")
}

// TestMissTime checks that a recorded miss is believed as long as the cache's settings
// say.
func TestMissTime(t *testing.T) {
	d := &Debuginfod{Cache: t.TempDir()}
	e, err := d.entry("0123", kindDebug)
	if err != nil {
		t.Fatal(err)
	}
	e.miss()
	if known, err := e.lookup(); !known || err == nil {
		t.Errorf("noted: %v, %v", known, err)
	}
	if err := os.WriteFile(filepath.Join(d.Cache, "cache_miss_s"), []byte("60\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ago := time.Now().Add(-61 * time.Second)
	if err := os.Chtimes(e.path, ago, ago); err != nil {
		t.Fatal(err)
	}
	if known, err := e.lookup(); known || err != nil {
		t.Errorf("too long ago: %v, %v", known, err)
	}
}

// TestDamagedCache checks that a file whose contents do not match its name is not used.
func TestDamagedCache(t *testing.T) {
	d := &Debuginfod{Cache: t.TempDir()}
	e, err := d.entry(idOf(t, "module"), kindDebug)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(e.path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.path, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	if known, err := e.lookup(); known || err != nil {
		t.Errorf("%v, %v", known, err)
	}
}
