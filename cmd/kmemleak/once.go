// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"strings"

	"github.com/kmemleak/kmemleak"
)

// once returns each object once: a console in verbose mode and a later reading of the
// report have the same, as may two inputs. Where the first has less than another, the
// other takes its place. Objects that a record stands for without printing them are those
// that others print.
func once(leaks []kmemleak.Leak) []kmemleak.Leak {
	type object struct {
		addr, jiffies, size uint64
	}
	at := make(map[object]int, len(leaks))
	rest := leaks[:0:0]
	more := false
	for _, l := range leaks {
		o := object{l.Addr, l.Jiffies, l.Size}
		i, ok := at[o]
		switch {
		case !ok || l.Addr == 0 || l.Jiffies == 0: // or it is damaged
			at[o] = len(rest)
			rest = append(rest, l)
		case len(l.Backtrace) > len(rest[i].Backtrace) || len(l.Backtrace) == len(rest[i].Backtrace) && rest[i].Data == nil && l.Data != nil:
			l.More = max(l.More, rest[i].More)
			rest[i] = l
		default:
			rest[i].More = max(l.More, rest[i].More)
		}
		more = more || l.More > 0
	}
	if !more {
		return rest
	}
	trace := func(l kmemleak.Leak) string {
		var b strings.Builder
		for _, f := range l.Backtrace {
			f.Addr = 0
			b.WriteString(f.String() + "\n")
		}
		return b.String()
	}
	alone := make(map[string]int) // records of one object
	for _, l := range rest {
		if l.More == 0 {
			alone[trace(l)]++
		}
	}
	for i, l := range rest {
		if l.More > 0 {
			n := min(l.More, alone[trace(l)])
			alone[trace(l)] -= n
			rest[i].More -= n
		}
	}
	return rest
}
