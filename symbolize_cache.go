// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "sync"

// resultCache remembers what frames mean. A report repeats the same few frames
// many times.
//
// It has two generations: when the newer one is full it becomes the older one, so
// that at most twice generation results are kept.
type resultCache struct {
	mu       sync.RWMutex
	new, old map[question]*resolution
}

// question is what is asked about a frame.
type question struct {
	frame Frame
	exact bool // the address is of an interrupted instruction, not of a call
}

const generation = 4096

// get gives what is remembered, nil if nothing is.
func (c *resultCache) get(q question) *resolution {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if r := c.new[q]; r != nil {
		return r
	}
	return c.old[q]
}

func (c *resultCache) put(q question, r *resolution) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.new) >= generation {
		c.old, c.new = c.new, nil
	}
	if c.new == nil {
		c.new = make(map[question]*resolution)
	}
	c.new[q] = r
}
