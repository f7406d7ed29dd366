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
	const report = "unreferenced object 0xffff888101a2b3c0 (size 64):\n"
	if err := os.WriteFile(path, []byte(report), 0o600); err != nil {
		t.Fatal(err)
	}
	d := kmemleak.Detector{Path: path}
	// A file that takes any command is no proof that there are no leaks.
	if err := d.Probe(); !errors.Is(err, kmemleak.ErrUnavailable) {
		t.Errorf("Probe: %v", err)
	}
	if err := d.Scan(t.Context()); !errors.Is(err, kmemleak.ErrUnavailable) {
		t.Errorf("Scan: %v", err)
	}
	var last error
	for _, err := range d.Leaks() {
		last = err
	}
	if !errors.Is(last, kmemleak.ErrUnavailable) {
		t.Errorf("Leaks: %v", last)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != report {
		t.Errorf("the file holds %q, %v", got, err)
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
