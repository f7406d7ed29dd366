// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

func TestWindow(t *testing.T) {
	const top = 1<<32 - 1
	for _, tt := range []struct {
		name    string
		w       kmemleak.Window
		jiffies uint64
		want    bool
	}{
		{"inside", kmemleak.Window{From: 10, To: 20}, 15, true},
		{"first tick", kmemleak.Window{From: 10, To: 20}, 10, true},
		{"last tick", kmemleak.Window{From: 10, To: 20}, 20, true},
		{"before", kmemleak.Window{From: 10, To: 20}, 9, false},
		{"after", kmemleak.Window{From: 10, To: 20}, 21, false},
		{"32 bits overflow: before it", kmemleak.Window{From: top - 5, To: 5}, top, true},
		{"32 bits overflow: after it", kmemleak.Window{From: top - 5, To: 5}, 0, true},
		{"32 bits overflow: too early", kmemleak.Window{From: top - 5, To: 5}, top - 6, false},
		{"32 bits overflow: too late", kmemleak.Window{From: top - 5, To: 5}, 6, false},
		{"64 bits go on", kmemleak.Window{From: top - 5, To: top + 5}, top + 1, true},
	} {
		if got := tt.w.Contains(tt.jiffies); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestDuring(t *testing.T) {
	simulate(t, "only what f lost", func(t *testing.T, k *kerneltest.Kernel) {
		k.Alloc(kmemleak.Leak{Comm: "before"})
		time.Sleep(time.Second)
		found, err := k.Detector().During(t.Context(), func() { k.Alloc(kmemleak.Leak{Comm: "during"}) },
			kmemleak.WithProgress(func(p kmemleak.Progress) {
				if p.Stage == kmemleak.StageAging {
					k.Alloc(kmemleak.Leak{Comm: "after"})
				}
			}))
		if diff := cmp.Diff([]string{"during"}, comms(found.Leaks)); diff != "" || err != nil {
			t.Errorf("%v, leaks (-want +got):\n%s", err, diff)
		}
	})
	for _, word := range []string{"scan", "clear", "stack=off", "scan=on"} {
		simulate(t, "others while f runs: "+word, func(t *testing.T, k *kerneltest.Kernel) {
			found, err := k.Detector().During(t.Context(), func() { k.Write(word, `process 7 ("sh")`); k.Write("scan=off", "") })
			if !errors.Is(err, kmemleak.ErrInterfered) || !strings.Contains(err.Error(), `process 7 ("sh")`) || found.Doubts != nil {
				t.Errorf("%v, want ErrInterfered by the process", err)
			}
		})
	}
	simulate(t, "others before and after", func(t *testing.T, k *kerneltest.Kernel) {
		k.Write("scan", `process 7 ("sh")`)
		if _, err := k.Detector().During(t.Context(), func() {}); err != nil {
			t.Error(err)
		}
	})
	simulate(t, "f is not called in vain", func(t *testing.T, k *kerneltest.Kernel) {
		k.Fail(kerneltest.Probe, kmemleak.ErrDisabled)
		if _, err := k.Detector().During(t.Context(), func() { t.Error("f was called") }); err == nil {
			t.Error("no error")
		}
	})
}

// comms returns the names of the threads that allocated the leaks, which tests give
// them for this.
func comms(leaks []kmemleak.Leak) (names []string) {
	for _, l := range leaks {
		names = append(names, l.Comm)
	}
	return names
}

// simulate runs a test on a simulated kernel, in a bubble of its time.
func simulate(t *testing.T, name string, f func(t *testing.T, k *kerneltest.Kernel)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, kerneltest.New(t)) })
	})
}
