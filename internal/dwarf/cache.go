// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "sync"

// cache keeps units that were read, up to a budget. It evicts the least recently used.
type cache struct {
	mu     sync.Mutex
	units  map[cacheKey]*unit
	newest *unit
	oldest *unit
	size   int
	budget int
}

type cacheKey struct {
	o   *object
	off uint64
}

// cached is a unit's place in the cache.
type cached struct {
	newer, older *unit
	size         int
	gone         bool // evicted; additions to it no longer count
}

// unit returns the unit whose header is at off, from the cache or the file.
func (o *object) unit(off uint64) (*unit, error) {
	c := &o.d.cache
	key := cacheKey{o, off}
	c.mu.Lock()
	u := c.units[key]
	if u != nil {
		if u != c.newest {
			c.unlink(u)
			c.push(u)
		}
		c.mu.Unlock()
		return u, nil
	}
	c.mu.Unlock()

	// Two goroutines may read the same unit at the same time; the first one wins.
	u, _, err := o.load(off, false)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.units[key]; other != nil {
		return other, nil
	}
	if c.units == nil {
		c.units = make(map[cacheKey]*unit)
	}
	c.units[key] = u
	u.cached.size = 1024 + u.abbrevs.memory()
	c.size += u.cached.size
	c.push(u)
	c.trim(u)
	return u, nil
}

// charge accounts for n more bytes that u keeps.
func (d *Data) charge(u *unit, n int) {
	if u.skeleton != nil {
		u = u.skeleton
	}
	c := &d.cache
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.cached.gone {
		return
	}
	u.cached.size += n
	c.size += n
	c.trim(u)
}

// trim evicts the least recently used units, except keep.
func (c *cache) trim(keep *unit) {
	for c.size > c.budget && c.oldest != nil && c.oldest != keep.self {
		u := c.oldest
		c.unlink(u)
		delete(c.units, cacheKey{u.o, u.off})
		c.size -= u.cached.size
		u.cached.gone = true
	}
}

func (c *cache) push(u *unit) {
	u.cached.older, u.cached.newer = c.newest, nil
	if c.newest != nil {
		c.newest.cached.newer = u
	} else {
		c.oldest = u
	}
	c.newest = u
}

func (c *cache) unlink(u *unit) {
	if n := u.cached.newer; n != nil {
		n.cached.older = u.cached.older
	} else {
		c.newest = u.cached.older
	}
	if n := u.cached.older; n != nil {
		n.cached.newer = u.cached.newer
	} else {
		c.oldest = u.cached.newer
	}
}

// packed copies what was read, because the memory it is in is used again. Unlike
// slices.Clone, it does not refer to that memory if there is nothing to copy.
func packed[T any](s []T) []T { return append([]T(nil), s...) }
