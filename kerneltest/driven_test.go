// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kerneltest_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

const second = time.Second

// scanned is the content of the report after each scan: the threads of the leaks.
type scanned [][]string

// TestScan compares the reports after scans, one a second, with what mm/kmemleak.c would
// report of one object.
func TestScan(t *testing.T) {
	leak := kmemleak.Leak{Comm: "a", Addr: 0x1000}
	is, no := []string{"a"}, []string(nil)
	for _, tt := range []struct {
		name string
		set  func(k *kerneltest.Kernel)
		at   func(k *kerneltest.Kernel, scan int) // before the scan
		want scanned
	}{
		{"old enough", nil, nil, scanned{no, no, no, no, no, is, is}},
		{"the scan begins before it is old", func(k *kerneltest.Kernel) { k.SetScanTime(second) }, nil, scanned{no, no, no, no, no, is}},
		{"seen first", nil, func(k *kerneltest.Kernel, scan int) {
			if scan == 7 {
				k.Alloc(kmemleak.Leak{Comm: "a", Jiffies: 4294900000})
			}
			if scan == 1 {
				k.Free(leak.Addr)
			}
		}, scanned{no, no, no, no, no, no, no, is}},
		{"min_unref_scans", func(k *kerneltest.Kernel) { k.SetMinUnrefScans(3) }, nil, scanned{no, no, no, no, no, no, no, is}},
		{"min_unref_scans, from the beginning", func(k *kerneltest.Kernel) {
			k.SetMinUnrefScans(3)
			k.HideFrom(leak.Addr, 7)
		}, nil, scanned{no, no, no, no, no, no, no, no, no, is}},
		{"hidden", func(k *kerneltest.Kernel) { k.HideFrom(leak.Addr, 6, 8) }, nil, scanned{no, no, no, no, no, no, is, no, is}},
		{"referenced", nil, func(k *kerneltest.Kernel, scan int) { k.Reference(leak.Addr, scan == 7) },
			scanned{no, no, no, no, no, is, no, is}},
		{"on a stack", nil, func(k *kerneltest.Kernel, scan int) {
			k.ReferenceFromStack(leak.Addr, true)
			if scan == 7 {
				k.Write("stack=off", "")
			}
		}, scanned{no, no, no, no, no, no, no, is}},
		{"freed", nil, func(k *kerneltest.Kernel, scan int) {
			if scan == 7 {
				k.Free(leak.Addr)
			}
		}, scanned{no, no, no, no, no, is, no}},
		{"cleared", nil, func(k *kerneltest.Kernel, scan int) {
			if scan == 3 || scan == 7 { // it is not reported at the third
				k.Write("clear", "")
			}
		}, scanned{no, no, no, no, no, is, no, no}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := kerneltest.New(t)
				k.SetScanTime(0)
				k.Alloc(leak)
				if tt.set != nil {
					tt.set(k)
				}
				var got scanned
				start := time.Now()
				for scan := 1; scan <= len(tt.want); scan++ {
					if tt.at != nil {
						tt.at(k, scan)
					}
					if err := k.Detector().Scan(t.Context()); err != nil {
						t.Fatal(err)
					}
					got = append(got, report(t, k))
					time.Sleep(time.Until(start.Add(time.Duration(scan) * second)))
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("reports (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func report(t *testing.T, k *kerneltest.Kernel) (comms []string) {
	t.Helper()
	for l, err := range k.Detector().Leaks() {
		if err != nil {
			t.Fatal(err)
		}
		comms = append(comms, l.Comm)
	}
	return comms
}

func TestScanEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kerneltest.New(t)
		k.SetScanTime(30 * second)
		ended := func(what string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 10*second)
			defer cancel()
			start := time.Now()
			if err := k.Detector().Scan(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 10*second || k.Scans() != 0 {
				t.Errorf("%s: %v after %v, %d scans, want the end of ctx", what, err, time.Since(start), k.Scans())
			}
		}
		ended("alone")
		start := time.Now()
		done := make(chan error)
		go func() { done <- k.Detector().Scan(t.Context()) }()
		synctest.Wait()
		ended("behind another one")
		if err := <-done; err != nil || k.Scans() != 1 || time.Since(start) != 30*second {
			t.Errorf("%v, %d scans after %v, want one complete scan", err, k.Scans(), time.Since(start))
		}
	})
}

func TestCommands(t *testing.T) {
	k := kerneltest.New(t)
	k.SetScanTime(0)
	d := k.Detector()
	if err := errors.Join(d.Probe(), d.SetAutoScan(90*second), d.SetStackScan(false), d.Scan(t.Context()), d.Clear()); err != nil || !k.AutoScan() {
		t.Errorf("%v, automatic scan %v", err, k.AutoScan())
	}
	if err := errors.Join(d.SetAutoScan(0), d.Disable()); err != nil || k.AutoScan() {
		t.Errorf("%v, automatic scan %v", err, k.AutoScan())
	}
	want := []string{"scan=90", "stack=off", "scan", "clear", "scan=off", "off"}
	if diff := cmp.Diff(want, k.Commands()); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	for name, err := range map[string]error{"Probe": d.Probe(), "Scan": d.Scan(t.Context()), "Clear": d.Clear(), "SetAutoScan": d.SetAutoScan(second)} {
		if !errors.Is(err, kmemleak.ErrDisabled) {
			t.Errorf("%s: %v, want ErrDisabled", name, err)
		}
	}
	if err := kerneltest.New(t).Write("nonsense", ""); err == nil {
		t.Error("the kernel knows any command")
	}
}

func TestDump(t *testing.T) {
	k := kerneltest.New(t)
	l := k.Alloc(kmemleak.Leak{Comm: `x", pid 1`, PID: 7})
	want := kmemleak.Object{Addr: l.Addr, Size: 64, Comm: l.Comm, PID: 7, Jiffies: l.Jiffies, MinCount: 1, Count: 1,
		Flags: 1, Backtrace: l.Backtrace}
	got, err := k.Detector().Dump(l.Addr)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, object (-want +got):\n%s", err, diff)
	}
	k.Free(l.Addr)
	if _, err := k.Detector().Dump(l.Addr); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v of what was freed, want fs.ErrNotExist", err)
	}
}

// TestFail checks that only the given call returns the injected error.
func TestFail(t *testing.T) {
	calls := map[kerneltest.Call]func(d *kmemleak.Detector) error{
		kerneltest.Probe:   func(d *kmemleak.Detector) error { return d.Probe() },
		kerneltest.Scan:    func(d *kmemleak.Detector) error { return d.Scan(context.Background()) },
		kerneltest.Command: func(d *kmemleak.Detector) error { return d.SetStackScan(true) },
		kerneltest.Report: func(d *kmemleak.Detector) error {
			for _, err := range d.Leaks() {
				return err
			}
			return nil
		},
		kerneltest.Dump:    func(d *kmemleak.Detector) error { _, err := d.Dump(0x1000); return err },
		kerneltest.Jiffies: func(d *kmemleak.Detector) error { _, err := d.Jiffies(); return err },
		kerneltest.Lock:    func(d *kmemleak.Detector) error { _, err := d.Lock(context.Background()); return err },
	}
	k := kerneltest.New(t)
	k.SetScanTime(0)
	k.Alloc(kmemleak.Leak{Addr: 0x1000})
	d := k.Detector()
	// Scan and Leaks end with a Probe.
	probing := []kerneltest.Call{kerneltest.Probe, kerneltest.Scan, kerneltest.Report}
	for failing := range calls {
		k.Fail(failing, fs.ErrPermission)
		for c, call := range calls {
			want := c == failing || failing == kerneltest.Probe && slices.Contains(probing, c)
			if err := call(d); errors.Is(err, fs.ErrPermission) != want || (err != nil) != want {
				t.Errorf("call %d: %v while %d fails", c, err, failing)
			}
		}
		k.Fail(failing, nil)
	}
}
