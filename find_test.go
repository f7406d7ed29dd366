// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
	"github.com/kmemleak/kmemleak/kerneltest"
)

// examine looks for leaks in a simulated kernel.
func examine(t *testing.T, k *kerneltest.Kernel, opts ...kmemleak.Option) (kmemleak.Finding, error) {
	t.Helper()
	return k.Detector().Find(t.Context(), opts...)
}

func alloc(k *kerneltest.Kernel, n int) (leaks []kmemleak.Leak) {
	for range n {
		leaks = append(leaks, k.Alloc(kmemleak.Leak{}))
	}
	return leaks
}

// atStage calls f whenever the search enters a stage.
func atStage(stage kmemleak.Stage, f func(scan int)) kmemleak.Option {
	return kmemleak.WithProgress(func(p kmemleak.Progress) {
		if p.Stage == stage {
			f(p.Scan)
		}
	})
}

func TestProtocol(t *testing.T) {
	simulate(t, "finds what is fresh", func(t *testing.T, k *kerneltest.Kernel) {
		alloc(k, 3)
		start := time.Now()
		f, err := examine(t, k)
		if err != nil || len(f.Leaks) != 3 {
			t.Errorf("%d leaks, %v, want 3", len(f.Leaks), err)
		}
		if took := time.Since(start); took < 5*time.Second || took > 7*time.Second {
			t.Errorf("it took %v, want 6 s", took)
		}
	})
	simulate(t, "waits only for what is missing", func(t *testing.T, k *kerneltest.Kernel) {
		alloc(k, 3)
		ended := time.Now()
		time.Sleep(4 * time.Second)
		start := time.Now()
		f, err := examine(t, k, kmemleak.Ended(ended))
		if err != nil || len(f.Leaks) != 3 {
			t.Errorf("%d leaks, %v, want 3", len(f.Leaks), err)
		}
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("it took %v, want 2 s", took)
		}
	})
	simulate(t, "min_unref_scans", func(t *testing.T, k *kerneltest.Kernel) {
		k.SetMinUnrefScans(30)
		alloc(k, 1)
		f, err := examine(t, k)
		if err != nil || len(f.Leaks) != 1 || f.Scans < 32 {
			t.Errorf("%d leaks in %d scans, %v, want 1 in 32 or more", len(f.Leaks), f.Scans, err)
		}
	})
	simulate(t, "automatic scan off first, and on again", func(t *testing.T, k *kerneltest.Kernel) {
		k.Write("scan=on", "")
		if _, err := examine(t, k); err != nil {
			t.Fatal(err)
		}
		commands := k.Commands()
		if commands[0] != "scan=off" || commands[len(commands)-1] != "scan=on" || !k.AutoScan() {
			t.Errorf("commands %q", commands)
		}
		k.Write("scan=off", "")
		if _, err := examine(t, k); err != nil || k.AutoScan() || slices.Contains(k.Commands()[len(commands):], "scan=on") {
			t.Errorf("%v, commands %q of a kernel without automatic scan", err, k.Commands()[len(commands):])
		}
	})
	simulate(t, "hidden for some scans", func(t *testing.T, k *kerneltest.Kernel) {
		k.HideFrom(alloc(k, 1)[0].Addr, 9, 10) // when the search would end
		f, err := examine(t, k)
		if err != nil || len(f.Leaks) != 1 || f.Scans <= 10 {
			t.Errorf("%d leaks in %d scans, %v, want 1 in more than 10", len(f.Leaks), f.Scans, err)
		}
	})
	simulate(t, "skipped by readings", func(t *testing.T, k *kerneltest.Kernel) {
		alloc(k, 10)
		k.SetSkip(func(reading, record int) bool { return (record+reading+1)%3 == 0 })
		f, err := examine(t, k)
		if err != nil || len(f.Leaks) != 10 {
			t.Errorf("%d leaks, %v, want 10", len(f.Leaks), err)
		}
		seen := make(map[uint64]bool)
		for _, l := range f.Leaks {
			if seen[l.Addr] {
				t.Errorf("0x%x twice", l.Addr)
			}
			seen[l.Addr] = true
		}
	})
	simulate(t, "never the same", func(t *testing.T, k *kerneltest.Kernel) {
		// Each scan but the first reports one leak, and another one than before.
		const scans = 60
		leaks := alloc(k, scans)
		for i, l := range leaks {
			var hidden []int
			for scan := 2; scan <= scans; scan++ {
				if scan != i {
					hidden = append(hidden, scan)
				}
			}
			k.HideFrom(l.Addr, hidden...)
		}
		_, err := examine(t, k, atStage(kmemleak.StageScanning, func(scan int) { k.Free(leaks[(scan-1)%scans].Addr) }))
		if !errors.Is(err, kmemleak.ErrUnsettled) || k.Scans() > 20 {
			t.Errorf("%d scans, %v, want ErrUnsettled after some", k.Scans(), err)
		}
	})
	simulate(t, "cleared by others, unseen", func(t *testing.T, k *kerneltest.Kernel) {
		alloc(k, 1)
		_, err := examine(t, k, atStage(kmemleak.StageScanning, func(scan int) {
			if scan == 3 {
				k.Write("clear", "")
			}
		}))
		if !errors.Is(err, kmemleak.ErrInterfered) {
			t.Errorf("%v, want ErrInterfered", err)
		}
	})
	simulate(t, "thread started by others, unseen", func(t *testing.T, k *kerneltest.Kernel) {
		_, err := examine(t, k, atStage(kmemleak.StageReading, func(int) { k.Write("scan=on", "") }))
		if !errors.Is(err, kmemleak.ErrInterfered) {
			t.Errorf("%v, want ErrInterfered", err)
		}
	})
	simulate(t, "others, seen", func(t *testing.T, k *kerneltest.Kernel) {
		scan := func(word string) kmemleak.Option {
			return atStage(kmemleak.StageAging, func(int) { k.Write(word, `process 7 ("sh")`) })
		}
		_, err := examine(t, k, scan("scan"))
		if !errors.Is(err, kmemleak.ErrInterfered) || !strings.Contains(err.Error(), `process 7 ("sh")`) {
			t.Errorf("%v, want ErrInterfered by the process", err)
		}
		k.Fail(kerneltest.Watch, fs.ErrPermission)
		if f, err := examine(t, k, scan("scan")); err != nil || len(f.Doubts) != 1 || !errors.Is(f.Doubts[0], fs.ErrPermission) {
			t.Errorf("%v, doubts %v, want a permission error there", err, f.Doubts)
		}
	})
	simulate(t, "disabled at the end", func(t *testing.T, k *kerneltest.Kernel) {
		f, err := examine(t, k)
		if err != nil {
			t.Fatal(err)
		}
		last := f.Scans
		_, err = examine(t, k, atStage(kmemleak.StageReading, func(scan int) {
			if scan == last {
				k.Fail(kerneltest.Probe, kmemleak.ErrDisabled)
			}
		}))
		if !errors.Is(err, kmemleak.ErrDisabled) {
			t.Errorf("%v, want ErrDisabled", err)
		}
	})
}

// TestDoubts wants what a search could not make sure of, with cause and remedy.
func TestDoubts(t *testing.T) {
	for _, tt := range []struct {
		name  string
		set   func(k *kerneltest.Kernel)
		want  [][]string // words of each doubt
		after bool       // the automatic scan is on
	}{
		{"none", func(k *kerneltest.Kernel) { k.Write("scan=on", "") }, nil, true},
		{"nobody is watched", func(k *kerneltest.Kernel) { k.Fail(kerneltest.Watch, errors.ErrUnsupported) },
			[][]string{{"could not be watched: unsupported", "CAP_SYS_ADMIN"}}, false},
		{"threads are hidden", func(k *kerneltest.Kernel) { k.Fail(kerneltest.AutoScan, machine.ErrHidden) },
			[][]string{{"PID namespace", "outside of containers"}}, false},
		{"a search was killed", func(k *kerneltest.Kernel) { k.KillSearch() }, [][]string{{"killed", "on again"}}, true},
		{"a search was killed, and the scan is on again", func(k *kerneltest.Kernel) { k.KillSearch(); k.Write("scan=on", "") }, nil, true},
		{"a search was killed, and the scan is to be off", func(k *kerneltest.Kernel) { k.KillSearch(); k.Detector().SetAutoScan(0) }, nil, false},
		{"SLUB without sheaves", func(k *kerneltest.Kernel) { k.SetSheafCapacity(0) }, nil, false},
		{"SLUB with sheaves", func(k *kerneltest.Kernel) { k.SetSheafCapacity(60) }, [][]string{{"sheaves", "other caches", "slab_debug=P"}}, false},
		{"all", func(k *kerneltest.Kernel) {
			k.KillSearch()
			k.Fail(kerneltest.Watch, errors.ErrUnsupported)
			k.Fail(kerneltest.AutoScan, machine.ErrHidden)
		}, [][]string{{"watched"}, {"PID namespace"}, {"killed"}}, true},
	} {
		simulate(t, tt.name, func(t *testing.T, k *kerneltest.Kernel) {
			tt.set(k)
			f, err := examine(t, k)
			if err != nil || len(f.Doubts) != len(tt.want) || k.AutoScan() != tt.after {
				t.Fatalf("%v, automatic scan %v, doubts %v, want %q", err, k.AutoScan(), f.Doubts, tt.want)
			}
			for i, words := range tt.want {
				for _, word := range words {
					if !strings.Contains(f.Doubts[i].Error(), word) {
						t.Errorf("%q does not say %q", f.Doubts[i], word)
					}
				}
			}
			k.Fail(kerneltest.AutoScan, nil)
			k.Fail(kerneltest.Watch, nil)
			k.SetSheafCapacity(-1)
			if f, err := examine(t, k); err != nil || f.Doubts != nil {
				t.Errorf("%v, doubts %v of the next search, want none", err, f.Doubts)
			}
		})
	}
}

// What SLUB has handed out last is hidden until its arrays are turned over.
func TestSheaves(t *testing.T) {
	simulate(t, "sheaves", func(t *testing.T, k *kerneltest.Kernel) {
		k.SetSheafCapacity(60)
		want := alloc(k, 3)
		if f, err := examine(t, k); err != nil || len(f.Leaks) != len(want) {
			t.Errorf("%d leaks, %v, want %d", len(f.Leaks), err, len(want))
		}
	})
}

// What a running function knows is no leak, even if scans were told not to look.
func TestStackScan(t *testing.T) {
	simulate(t, "stack=off", func(t *testing.T, k *kerneltest.Kernel) {
		k.ReferenceFromStack(alloc(k, 1)[0].Addr, true)
		if err := k.Detector().SetStackScan(false); err != nil {
			t.Fatal(err)
		}
		if f, err := examine(t, k); err != nil || f.Leaks != nil || f.Vanished != nil {
			t.Errorf("%v, %v, vanished %v, want nothing", err, f.Leaks, f.Vanished)
		}
	})
}

// TestContext ends contexts in the middle of everything that takes long.
func TestContext(t *testing.T) {
	interrupted := errors.New("interrupted")
	for _, tt := range []struct {
		name  string
		stage kmemleak.Stage
		scan  int
		leaks int
		set   func(k *kerneltest.Kernel)
	}{
		{"first scan", kmemleak.StageScanning, 1, 0, func(k *kerneltest.Kernel) { k.SetScanTime(time.Minute) }},
		{"last scan", kmemleak.StageScanning, 3, 2, func(k *kerneltest.Kernel) { k.SetScanTime(time.Minute) }},
		{"aging", kmemleak.StageAging, 1, 0, func(*kerneltest.Kernel) {}},
		{"queueing", kmemleak.StageQueueing, 0, 0, func(k *kerneltest.Kernel) { k.HoldLock() }},
	} {
		simulate(t, tt.name, func(t *testing.T, k *kerneltest.Kernel) {
			alloc(k, 2)
			k.Write("scan=on", "")
			tt.set(k)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var ended time.Time
			found, err := k.Detector().Find(ctx, kmemleak.WithProgress(func(p kmemleak.Progress) {
				if p.Stage == tt.stage && p.Scan == tt.scan && ended.IsZero() {
					ended = time.Now().Add(40 * time.Millisecond)
					time.AfterFunc(time.Until(ended), func() { cancel(interrupted) })
				}
			}))
			if took := time.Since(ended); !errors.Is(err, interrupted) || took > 100*time.Millisecond {
				t.Errorf("%v after %v, want the cause of ctx's end within 100 ms", err, took)
			}
			if len(found.Leaks) != tt.leaks || !k.AutoScan() {
				t.Errorf("%d leaks, automatic scan %v, want %d and that it runs again", len(found.Leaks), k.AutoScan(), tt.leaks)
			}
		})
	}
}

// TestUnavailable wants the cause from whichever question fails.
func TestUnavailable(t *testing.T) {
	for call, name := range map[kerneltest.Call]string{
		kerneltest.Probe: "Probe", kerneltest.Scan: "Scan", kerneltest.Command: "Command", kerneltest.Report: "Report",
		kerneltest.AutoScan: "AutoScan", kerneltest.Lock: "Lock",
	} {
		for _, want := range []error{kmemleak.ErrUnavailable, kmemleak.ErrDisabled, fs.ErrPermission} {
			simulate(t, name+": "+want.Error(), func(t *testing.T, k *kerneltest.Kernel) {
				k.Write("scan=on", "")
				k.Fail(call, want)
				if _, err := examine(t, k); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
			})
		}
	}
}
