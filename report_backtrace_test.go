// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"strings"
	"testing"
)

// What people do to a report without changing what it says.
func TestParseComplete(t *testing.T) {
	const (
		head   = "unreferenced object 0xffff888101a2b3c0 (size 32):\n  comm \"insmod\", pid 776, jiffies 4294682844\n"
		trace  = "  backtrace (crc 5):\n"
		frames = "    bar+0x1/0x2 [baz]\n    foo+0x2/0x2\n"
	)
	tests := []struct {
		name, text string
		frames     int
	}{
		{"frame", head + trace + "    bar+0x1/0x2 [baz]\n    foo+0x2/0x2", 2},
		{"equal frames", head + trace + "    foo+0x2/0x2\n    foo+0x2/0x2", 2},
		{"module", head + trace + frames + "    bar+0x1/0x2 [baz]", 3},
		{"address", head + trace + "    bar+0x1/0x2 [baz]\n    0xffffffffc0a015e4", 2},
		{"address of 32 bits", strings.Replace(head, "ffff8881", "", 1) + trace + "    [<f8058012>] 0xf8058012", 1},
		{"null", head + trace + "    [<          (null)>]           (null)", 1},
		{"decoded", head + trace + "    bar (a.c:1 b.c:2) baz\n    kzalloc include/linux/slab.h:1094 [inline]\n" + frames + "    foo+0x1/0x2 a.c:12", 5},
		{"decoded with list", head + trace + frames + "    foo (a.c:12)", 3},
		{"no sizes", head + trace + "    foo+0x1\n    bar+0x10 [baz]\n", 2},
		{"no indentation", strings.ReplaceAll(head+trace+"0xffffffffc0a015e4\n"+frames, "  ", ""), 3},
		{"more indentation", strings.ReplaceAll(head+trace+frames, "  ", "\t"), 2},
		{"blank line at the end", head + trace + frames + "  ", 2},
		{"characters like bytes", head + "  hex dump (first 9 bytes):\n    31 31 20 32 32 00 20 20 41 11 22. A\n" + trace + frames, 2},
		{"no characters", head + "  hex dump (first 2 bytes):\n    31 31\n" + trace + frames, 2},
	}
	for _, tt := range tests {
		leaks, err := Parse(strings.NewReader(tt.text))
		if err != nil || len(leaks) != 1 || len(leaks[0].Backtrace) != tt.frames {
			t.Errorf("%s: %v, %v", tt.name, leaks, err)
		}
	}
}
