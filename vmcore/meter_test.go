// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"sync"
	"testing"
)

// TestMeter counts from several goroutines. The first call tells, and what is told never is
// more than all.
func TestMeter(t *testing.T) {
	k := newFake(linked(0x1000, 0x2000, 0x3000))
	k.meter()(8) // nobody to tell
	const total = 6 * 8
	calls := 0
	k.Progress = func(done, all uint64) {
		calls++ // without a lock: calls do not overlap
		if done > all || all != total {
			t.Errorf("%d of %d", done, all)
		}
	}
	tell := k.meter()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				tell(8)
			}
		})
	}
	wg.Wait()
	if calls == 0 {
		t.Error("nothing was told")
	}
}
