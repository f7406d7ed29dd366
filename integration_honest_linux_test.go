// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

// Find must not give an answer that is worth nothing. Here is what can spoil one.

func TestIntegrationInterfered(t *testing.T) {
	kernel := need.Kernel(t, "find")
	for _, tt := range []struct {
		name, word string
		stage      kmemleak.Stage
		scan       int
	}{
		{"clear before the first reading", "clear", kmemleak.StageReading, 2},
		{"clear before the confirming scan", "clear", kmemleak.StageScanning, 3},
		{"scan", "scan", kmemleak.StageAging, 1},
		{"scan=on", "scan=on", kmemleak.StageAging, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := loadLeaky(t, kernel)
			d := manualScans(t)
			defer d.SetAutoScan(0)
			l.leak(3)
			_, err := d.Find(inTime(t), at(tt.stage, tt.scan, func() { writeElsewhere(t, tt.word) }))
			if !errors.Is(err, kmemleak.ErrInterfered) {
				t.Fatalf("%v, want ErrInterfered", err)
			}
			t.Log(err)
			if want := fmt.Sprintf("%q", comm(t)); !strings.Contains(err.Error(), "process ") || !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not name the process", err)
			}
		})
	}
	t.Run("scan twice and clear while the function runs", func(t *testing.T) {
		l := loadLeaky(t, kernel)
		var d kmemleak.Detector
		_, err := d.During(inTime(t), func() {
			l.leak(3)
			time.Sleep(minAge)
			for _, word := range []string{"scan", "scan", "clear"} {
				writeElsewhere(t, word)
			}
		}, ofLeaky...)
		if !errors.Is(err, kmemleak.ErrInterfered) {
			t.Errorf("%v, want ErrInterfered", err)
		}
	})
	t.Run("probe", func(t *testing.T) { // changes nothing
		var d kmemleak.Detector
		_, err := d.Find(inTime(t), kmemleak.MinAge(0), at(kmemleak.StageScanning, 2, func() {
			if err := d.Probe(); err != nil {
				t.Error(err)
			}
		}))
		if err != nil {
			t.Error(err)
		}
	})
}

func TestIntegrationAutoScanAround(t *testing.T) {
	need.Kernel(t, "find")
	d := manualScans(t)
	for _, on := range []bool{true, false} {
		if on {
			if err := d.SetAutoScan(time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		_, err := d.Find(inTime(t), kmemleak.MinAge(0), at(kmemleak.StageScanning, 1, func() {
			if scanning(t) {
				t.Error("the scanning thread runs meanwhile")
			}
		}))
		if err != nil {
			t.Error(err)
		}
		if got := scanning(t); got != on {
			t.Errorf("the scanning thread runs afterwards: %v, before: %v", got, on)
		}
		if err := d.SetAutoScan(0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestIntegrationFindInTime(t *testing.T) {
	need.Kernel(t, "find")
	var d kmemleak.Detector
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	start := time.Now()
	_, err := d.Find(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want a deadline exceeded", err)
	}
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("a deadline of 2s was honoured after %v", took)
	}
	t.Log(err)

	unlock, err := d.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

// TestIntegrationManyLeaks compares with the report itself, in which one object of a
// thousand may be missing: with so many of them, stale values in the kernel's memory
// that hide one for as long as it runs are not rare.
func TestIntegrationManyLeaks(t *testing.T) {
	kernel := need.Kernel(t, "many")
	for _, n := range []int{1000, 50000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			l := loadLeaky(t, kernel)
			var d kmemleak.Detector
			// A scan between the search and the readings below may find other stale values.
			if err := d.SetAutoScan(0); err != nil {
				t.Fatal(err)
			}
			l.leak(n)
			start := time.Now()
			f := l.examine(&d)
			t.Logf("%d leaks in %d scans and %v", len(f.Leaks), f.Scans, time.Since(start))
			printed := make(map[string]bool)
			// The kernel skips an object when another one is freed while it is read.
			for range 5 {
				report, err := os.ReadFile("/sys/kernel/debug/kmemleak")
				if err != nil {
					t.Fatal(err)
				}
				for record := range bytes.SplitSeq(report, []byte("unreferenced object ")) {
					if address, rest, _ := bytes.Cut(record, []byte(" ")); bytes.Contains(rest, []byte(" lose_one+0x")) {
						printed[string(address)] = true
					}
				}
				if len(printed) >= len(f.Leaks) {
					break
				}
			}
			if len(f.Leaks) != len(printed) || len(printed) < n-n/1000 || len(printed) > n {
				t.Errorf("%d leaks, and %d in the report, of %d", len(f.Leaks), len(printed), n)
			}
			most := min(n/2, 1000)
			f, err := d.Find(inTime(t), kmemleak.MaxLeaks(most), kmemleak.MinAge(0))
			if !errors.Is(err, kmemleak.ErrTruncated) || len(f.Leaks) > most {
				t.Errorf("with room for %d: %d leaks, %v, want ErrTruncated", most, len(f.Leaks), err)
			}
		})
	}
}

// TestIntegrationLock has another process wait for the lock.
func TestIntegrationLock(t *testing.T) {
	need.Kernel(t, "find")
	var d kmemleak.Detector
	unlock, err := d.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Lock(t.Context()) // one process may hold it several times
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "KMEMLEAK_LOCK=1")
	locked := make(chan error, 1)
	go func() { locked <- child.Run() }()
	unlock()
	select {
	case err := <-locked:
		t.Fatalf("another process got the lock: %v", err)
	case <-time.After(2 * time.Second):
	}
	again()
	if err := <-locked; err != nil {
		t.Error(err)
	}
}

// TestIntegrationKilled kills another process while it looks for leaks: the next search
// has the automatic scan run again, and says so.
func TestIntegrationKilled(t *testing.T) {
	need.Kernel(t, "find")
	d := manualScans(t)
	defer d.SetAutoScan(0)
	if err := d.SetAutoScan(time.Hour); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "KMEMLEAK_FIND=1")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); scanning(t); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatal("the other process does not stop the automatic scan")
		}
	}
	child.Process.Kill()
	child.Wait()
	f, err := d.Find(inTime(t), kmemleak.MinAge(0))
	if err != nil || len(f.Doubts) != 1 || !strings.Contains(f.Doubts[0].Error(), "killed") || !scanning(t) {
		t.Errorf("%v, doubts %v, the scanning thread runs: %v, want one doubt and that it does", err, f.Doubts, scanning(t))
	}
	if f, err := d.Find(inTime(t), kmemleak.MinAge(0)); err != nil || f.Doubts != nil {
		t.Errorf("%v, doubts %v of the next search", err, f.Doubts)
	}
}

// A storm of signals cuts scans short that are not protected from it.
func TestIntegrationFindInStorm(t *testing.T) {
	kernel := need.Kernel(t, "find")
	for _, tt := range disturbances {
		t.Run(tt.name, func(t *testing.T) {
			l := loadLeaky(t, kernel)
			l.leak(5)
			var d kmemleak.Detector
			time.Sleep(minAge)
			stop := tt.start(t)
			l.expect(5, &d, kmemleak.MinAge(0))
			stop()
		})
	}
}

func TestIntegrationProofOfLife(t *testing.T) {
	kernel := need.Kernel(t, "find")
	l := loadLeaky(t, kernel)
	l.leak(2)
	var d kmemleak.Detector
	l.expect(2, &d, kmemleak.ProofOfLife(hello{kernel: kernel}.file()))
	if _, err := os.Stat("/sys/module/hello_kernel"); err == nil {
		t.Error("the module is still loaded")
	}
	// leaky is loaded, and loading it does not leak.
	if _, err := d.Find(inTime(t), kmemleak.ProofOfLife(leakyFile(kernel))); err == nil {
		t.Error("a module that is loaded was loaded again")
	}
}

// TestIntegrationNoProof has a module that does not leak for a proof.
func TestIntegrationNoProof(t *testing.T) {
	kernel := need.Kernel(t, "find")
	var d kmemleak.Detector
	_, err := d.Find(inTime(t), kmemleak.ProofOfLife(leakyFile(kernel)))
	if !errors.Is(err, kmemleak.ErrNoProof) {
		t.Errorf("%v, want ErrNoProof", err)
	}
	t.Log(err)
}

// TestIntegrationDisabledMeanwhile has a boot of its own: there is no way back.
func TestIntegrationDisabledMeanwhile(t *testing.T) {
	l := loadLeaky(t, need.Kernel(t, "disabled-meanwhile"))
	l.leak(3)
	var d kmemleak.Detector
	_, err := d.Find(inTime(t), at(kmemleak.StageScanning, 3, func() { writeElsewhere(t, "off") }))
	if !errors.Is(err, kmemleak.ErrDisabled) {
		t.Errorf("%v, want ErrDisabled", err)
	}
	t.Log(err)
}

// comm is the name of this program's threads.
func comm(t *testing.T) string {
	t.Helper()
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(name), "\n")
}
