// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"context"
	"iter"
)

// Prefetch downloads what is needed for backtraces, until ctx ends. It returns the
// cause of that, or nil.
//
// It does what Backtrace does, with files of its own: an answer that ctx cut off must
// not be remembered.
func (r *Resolver) Prefetch(ctx context.Context, backtraces iter.Seq[[]Frame]) error {
	r.images.mu.Lock()
	closed := r.images.closed
	r.images.mu.Unlock()
	switch {
	case closed:
		return errClosed
	case r.Files.Server == nil:
		return nil
	}
	trial := New(r.Config)
	trial.images.ctx = ctx
	work, done := make(chan []Frame), make(chan struct{})
	// Waiting for anything but a server may take longer than ctx.
	go func() {
		defer close(done)
		defer trial.Close()
		for bt := range work {
			if ctx.Err() == nil {
				trial.Backtrace(bt, 0)
			}
		}
	}()
	func() {
		defer close(work)
		for bt := range backtraces {
			select {
			case work <- bt:
			case <-ctx.Done():
				return
			}
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
