// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import "sync"

// cache remembers answers: a report repeats the same few frames many times. It is
// safe for concurrent use; its zero value is empty.
//
// It has two generations: when the newer one is full it becomes the older one, so
// that at most twice generation entries are kept.
type cache[K comparable, V any] struct {
	mu       sync.RWMutex
	new, old map[K]V
}

const generation = 4096

// get returns the remembered value, if there is one.
func (c *cache[K, V]) get(k K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if v, ok := c.new[k]; ok {
		return v, true
	}
	v, ok := c.old[k]
	return v, ok
}

func (c *cache[K, V]) put(k K, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.new) >= generation {
		c.old, c.new = c.new, nil
	}
	if c.new == nil {
		c.new = make(map[K]V)
	}
	c.new[k] = v
}
