// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
)

// What Detectors do is tested on real kernels (TestIntegration…). Here is what
// they must not do with a file that is not kmemleak's.

func TestDetectorOfAnotherFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kmemleak")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := kmemleak.Detector{Path: path}
	// An empty file that takes any command is no proof that there are no leaks.
	if err := d.Probe(); err == nil {
		t.Error("Probe trusts a file that takes any word")
	}
	if err := d.Scan(); err == nil {
		t.Error("Scan trusts a file that takes any word")
	}
	var last error
	for _, err := range d.Leaks() {
		last = err
	}
	if last == nil {
		t.Error("Leaks trusts a file that takes any word")
	}
}

func TestDetectorWithoutFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kmemleak")
	d := kmemleak.Detector{Path: path}
	err := d.Probe()
	if !errors.Is(err, kmemleak.ErrUnavailable) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Probe: %v, want ErrUnavailable", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("Probe made the file")
	}
}

func TestSetAutoScanRange(t *testing.T) {
	d := kmemleak.Detector{Path: filepath.Join(t.TempDir(), "kmemleak")}
	for _, period := range []time.Duration{-1, -time.Hour, 4294968 * time.Second} {
		if err := d.SetAutoScan(period); err == nil || errors.Is(err, kmemleak.ErrUnavailable) {
			t.Errorf("SetAutoScan(%v): %v, want an error about the period", period, err)
		}
	}
}
