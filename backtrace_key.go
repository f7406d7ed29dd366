// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

// A BacktraceKey is a backtrace as the key of a map, for what depends on nothing else of a
// leak. It is cheap since it is the place in memory: equal keys stand for the same
// backtrace, but equal backtraces may have different keys. Those from one call of
// [Parse], [Leaks] or [Extract] mostly share one. The zero BacktraceKey stands for all
// empty backtraces.
//
// A key keeps the backtrace in memory. It says nothing of one that is modified later.
type BacktraceKey struct {
	first *Frame
	n     int
}

// KeyOf returns the key of a backtrace.
func KeyOf(backtrace []Frame) BacktraceKey {
	if len(backtrace) == 0 {
		return BacktraceKey{}
	}
	return BacktraceKey{&backtrace[0], len(backtrace)}
}
