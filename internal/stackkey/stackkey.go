// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package stackkey identifies backtraces by where they are in memory. Leaks of one report
// share equal backtraces, so that what depends on a backtrace alone need be made only
// once for most of them.
package stackkey

// A Key stands for a backtrace and what was found out about it, as the key of a map.
// Equal keys stand for equal backtraces, but equal backtraces may have different keys.
// The zero Key stands for those without frames. A Key keeps the backtrace in memory, and
// says nothing of one that is modified later.
type Key[Frame, Call any] struct {
	frame *Frame // the first one
	call  *Call  // the first one
	n     int    // frames
}

// Of returns the key of a backtrace with these frames and calls.
func Of[Frame, Call any](frames []Frame, calls []Call) Key[Frame, Call] {
	k := Key[Frame, Call]{n: len(frames)}
	if len(frames) > 0 {
		k.frame = &frames[0]
	}
	if len(calls) > 0 {
		k.call = &calls[0]
	}
	return k
}
