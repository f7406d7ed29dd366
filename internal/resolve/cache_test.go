// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"sync"
	"testing"
)

// The cache remembers what was put last, at most two generations.
func TestCache(t *testing.T) {
	var c cache[int, int]
	if _, ok := c.get(0); ok {
		t.Error("an empty cache knows something")
	}
	const n = 3*generation + 1
	for i := range n {
		c.put(i, -i)
	}
	for i := range n {
		if v, ok := c.get(i); ok && v != -i || ok != (i >= 2*generation) {
			t.Fatalf("%d: %d, %t", i, v, ok)
		}
	}
	if len(c.new)+len(c.old) > 2*generation {
		t.Errorf("%d and %d are kept", len(c.new), len(c.old))
	}
	var wg sync.WaitGroup
	for k := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				c.put(i*k, i)
				c.get(i)
			}
		})
	}
	wg.Wait()
}
