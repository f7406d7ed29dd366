// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

func TestIntegrationClear(t *testing.T) {
	kernel := need.Kernel(t, "")
	d := manualScans(t)
	leakAll(t, kernel, func(h hello) []kmemleak.Leak { return h.find(t, d) })
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	for leak, err := range d.Leaks() {
		t.Errorf("reported after Clear: %v, %v", leak, err)
	}
}

func TestIntegrationAutoScan(t *testing.T) {
	kernel := need.Kernel(t, "")
	d := manualScans(t)
	if scanning(t) {
		t.Fatal("the scanning thread goes on after SetAutoScan(0)")
	}
	if err := d.SetStackScan(false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(d.SetStackScan(true), d.SetAutoScan(0)); err != nil {
			t.Error(err)
		}
	})
	if err := d.SetAutoScan(1500 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if !scanning(t) {
		t.Fatal("no scanning thread after SetAutoScan")
	}
	leakAll(t, kernel, func(h hello) (mine []kmemleak.Leak) {
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Second) {
			if mine = h.mine(t, d); len(mine) == helloLeaks {
				break
			}
		}
		return mine
	})
	if err := d.SetAutoScan(-1); err == nil {
		t.Error("SetAutoScan took a negative period")
	}
}

// TestIntegrationScanEnded ends scans by their contexts: none of them reports a leak.
func TestIntegrationScanEnded(t *testing.T) {
	kernel := need.Kernel(t, "")
	d := manualScans(t)
	leakAll(t, kernel, func(h hello) []kmemleak.Leak {
		time.Sleep(minAge)
		quickest := time.Hour // of several: the emulated kernels take turns on the processors
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			start := time.Now()
			err := d.Scan(ctx)
			cancel()
			quickest = min(quickest, time.Since(start))
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, want the end of ctx", err)
			}
		}
		if quickest > 100*time.Millisecond {
			t.Errorf("scans end %v after ctx at best, want 100 ms", quickest)
		}
		if n := len(h.mine(t, d)); n != 0 {
			t.Errorf("scans that were ended report %d leaks", n)
		}
		return h.find(t, d)
	})
}

// scanning reports whether the kernel's scanning thread runs.
func scanning(t *testing.T) bool {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if comm, _ := os.ReadFile(name); string(comm) == "kmemleak\n" {
			return true
		}
	}
	return false
}

func TestIntegrationDump(t *testing.T) {
	kernel := need.Kernel(t, "")
	d := manualScans(t)
	_, leaks := leakAll(t, kernel, func(h hello) []kmemleak.Leak { return h.find(t, d) })
	captureDump(t, d, kernel, leaks[0].Addr)
	for _, leak := range leaks {
		object, err := d.Dump(leak.Addr)
		if err != nil {
			t.Fatal(err)
		}
		same := object.Addr == leak.Addr && object.Size == leak.Size && object.Comm == leak.Comm &&
			object.PID == leak.PID && object.Jiffies == leak.Jiffies && len(object.Backtrace) == len(leak.Backtrace)
		if !same || object.Flags&1 == 0 || object.Flags&2 == 0 || object.Count >= object.MinCount {
			t.Errorf("Dump gives %+v of the leak\n%v", object, leak)
		}
		if leak.Checksum != nil && object.Checksum != *leak.Checksum {
			t.Errorf("checksum %v, want %v", object.Checksum, *leak.Checksum)
		}
	}
	_, err := d.Dump(0x1000)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Dump of nothing: %v, want os.ErrNotExist", err)
	}
	t.Log(err)
}

// captureDump leaves the kernel log of one Dump for the host, as /dev/kmsg gives it.
func captureDump(t *testing.T, d *kmemleak.Detector, kernel string, addr uint64) {
	t.Helper()
	records := followLog(t)
	if _, err := d.Dump(addr); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/out/dump-"+kernel+".kmsg", records(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// followLog gives a function that reads what has been logged since, as /dev/kmsg gives it.
func followLog(t *testing.T) (records func() []byte) {
	t.Helper()
	log, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(log) })
	if _, err := unix.Seek(log, 0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	return func() (records []byte) {
		for record := make([]byte, 8<<10); ; {
			n, err := unix.Read(log, record)
			if err == unix.EAGAIN {
				return records
			}
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, record[:n]...)
		}
	}
}
