// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak"
)

// TestCallsOfOthers has two leaks with equal backtraces, of two kernels. What was found out
// about the one, such as on another machine, is nothing that is known of the other.
func TestCallsOfOthers(t *testing.T) {
	frames := func() []kmemleak.Frame {
		return []kmemleak.Frame{{Func: "lose", Offset: 0x10, Size: 0x20, Module: "m"}, {Func: "do_one_initcall", Offset: 1, Size: 2}}
	}
	known := kmemleak.Leak{Addr: 0x1000, Size: 8, Jiffies: 1, Backtrace: frames()}
	known.Calls = (*kmemleak.Symbolizer)(nil).Calls(known)
	known.Calls[0].Pos = []kmemleak.Pos{{Func: "lose", File: "there.c", Line: 7}}
	known.Calls[0].Confidence = kmemleak.Proved
	unknown := kmemleak.Leak{Addr: 0x2000, Size: 8, Jiffies: 2, Backtrace: frames()}
	for i, leaks := range [][]kmemleak.Leak{{known, unknown}, {unknown, known}} {
		lines := strings.SplitAfter(string(jsonLines(t, leaks, nil)), "\n")
		if !strings.Contains(lines[i], "there.c") || strings.Contains(lines[1-i], "there.c") {
			t.Errorf("order %d:\n%s", i, lines)
		}
	}
}
