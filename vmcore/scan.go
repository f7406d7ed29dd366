// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"sync"
)

// scanChunk is the size of what Scan reads at once, in bytes.
// It is small enough to be in a processor's cache when it is looked at.
const scanChunk = 256 << 10

// Scan calls fn with all of the physical memory that the image has: addr is the physical
// address of the first byte of b. It calls fn from several goroutines at a time, in
// no order. A chunk begins and ends where a page does, unless the memory begins or ends
// there, and has up to 256 KiB. fn must not keep b.
//
// Memory that cannot be read, because the dump is damaged or in several files, is left out; the
// error says so when all the rest was read. When ctx ends, Scan returns its cause.
func (m *Image) Scan(ctx context.Context, fn func(addr uint64, b []byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu     sync.Mutex
		first  error
		failed uint64
		wg     sync.WaitGroup
	)
	next, stop := iter.Pull(chunks(m.Ranges()))
	defer stop()
	take := func() (Range, bool) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			return Range{}, false
		}
		return next()
	}
	miss := func(r Range, err error) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = err
		}
		failed += r.Size
	}
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			buffer := make([]byte, scanChunk)
			for {
				r, ok := take()
				if !ok {
					return
				}
				m.scan(r, buffer, fn, miss)
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if first != nil {
		first = fmt.Errorf("%d bytes of memory could not be read: %w", failed, first)
	}
	return errors.Join(m.part, first)
}

// scan hands out a chunk. If it cannot be read as a whole, it is read page by page.
func (m *Image) scan(r Range, buffer []byte, fn func(addr uint64, b []byte), miss func(Range, error)) {
	b := buffer[:r.Size]
	err := guard(func() error { return m.memory.load(b, r.Addr) })
	if err == nil {
		fn(r.Addr, b)
		return
	}
	if r.Size <= smallestPage {
		// What has gone from the memory of a running kernel is no damage.
		if !errors.Is(err, ErrAbsent) {
			miss(r, err)
		}
		return
	}
	for r.Size > 0 {
		n := min(r.Size, smallestPage-r.Addr%smallestPage)
		m.scan(Range{r.Addr, n}, buffer, fn, miss)
		r = Range{r.Addr + n, r.Size - n}
	}
}

// chunks splits ranges at multiples of scanChunk.
func chunks(ranges iter.Seq[Range]) iter.Seq[Range] {
	return func(yield func(Range) bool) {
		for r := range ranges {
			for r.Size > 0 {
				n := min(r.Size, scanChunk-r.Addr%scanChunk)
				if !yield(Range{r.Addr, n}) {
					return
				}
				r = Range{r.Addr + n, r.Size - n}
			}
		}
	}
}
