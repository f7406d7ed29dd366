// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

// A BacktraceKey stands for the Backtrace and the Calls of a leak, as the key of a map for
// what depends on nothing else. It is their place in memory, and so it is cheap: equal
// keys stand for equal backtraces, but equal backtraces may have different keys. Leaks
// from one call of [Parse], [Extract] or [Detector.Find] mostly share them. All leaks
// with neither have the zero BacktraceKey.
//
// A key keeps the backtrace in memory. It says nothing of one that is modified later.
type BacktraceKey struct {
	first *Frame
	call  *Call
	n     int
}

// KeyOf returns the key of a leak's backtrace.
func KeyOf(l Leak) BacktraceKey {
	var k BacktraceKey
	if k.n = len(l.Backtrace); k.n > 0 {
		k.first = &l.Backtrace[0]
	}
	if len(l.Calls) > 0 {
		k.call = &l.Calls[0]
	}
	return k
}
