// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/kerneltest"
)

func TestVanished(t *testing.T) {
	simulate(t, "fates", func(t *testing.T, k *kerneltest.Kernel) {
		leaks := alloc(k, 3)
		f, err := examine(t, k, atStage(kmemleak.StageScanning, func(scan int) {
			if scan == 3 {
				k.Free(leaks[0].Addr)
				k.Reference(leaks[1].Addr, true)
			}
		}))
		if err != nil || len(f.Leaks) != 1 || f.Leaks[0].Addr != leaks[2].Addr || len(f.Vanished) != 2 {
			t.Fatalf("%+v, %v, want the third leak and the others vanished", f, err)
		}
		for i, want := range []kmemleak.Fate{kmemleak.FateFreed, kmemleak.FateReferenced} {
			if got := f.Vanished[i]; got.Fate != want || got.Leak.Addr != leaks[i].Addr {
				t.Errorf("leak %d was %v, want %v", i, got.Fate, want)
			}
		}
	})
}
