// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"sync"
	"sync/atomic"
	"time"
)

// meterEvery is how often Progress is called.
const meterEvery = time.Second / 10

// meter returns what is to be called with the number of bytes that were searched, from any
// goroutine. It calls Progress, one call at a time, and also at the end.
func (k *Kernel) meter() func(bytes uint64) {
	if k.Progress == nil {
		return func(uint64) {}
	}
	var total uint64
	for r := range k.mem.Ranges() {
		total += r.Size
	}
	var done atomic.Uint64
	var mu sync.Mutex
	var last time.Time
	return func(bytes uint64) {
		now := done.Add(bytes)
		if now >= total {
			mu.Lock()
		} else if !mu.TryLock() {
			return // somebody else tells
		}
		defer mu.Unlock()
		if at := time.Now(); now >= total || at.Sub(last) >= meterEvery {
			last = at
			k.Progress(min(now, total), total)
		}
	}
}
