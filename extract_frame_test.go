// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A frame far below is not of this record.
func TestExtractFarFrame(t *testing.T) {
	frame := "    [<ffffffff81374100>] far+0x1/0x2\n"
	prose := "some prose here\n"
	for _, tt := range []struct{ lines, frames int }{{3, 3}, {maxOthers, 3}, {maxOthers + 1, 2}} {
		leaks, _ := collect(t, carried+strings.Repeat(prose, tt.lines)+frame)
		if len(leaks) != 2 || len(leaks[1].Backtrace) != tt.frames {
			t.Errorf("after %d lines: %v", tt.lines, leaks)
		}
	}
}

// The tables are emptied while a record of another source is open.
func TestExtractManyFrames(t *testing.T) {
	var b strings.Builder
	var want []Frame
	slow := "Nov 23 01:00:00 beta kernel: "
	b.WriteString(slow + "unreferenced object 0xffff888101a2b400 (size 8):\n" + slow + "  comm \"x\", pid 1, jiffies 2\n" + slow + "  backtrace:\n")
	for i := range 3 * maxInternFrames / 100 {
		want = append(want, Frame{Func: fmt.Sprintf("slow_%d", i), Offset: 1, Size: 2})
		fmt.Fprintf(&b, "%s    slow_%d+0x1/0x2\n", slow, i)
		fast := "Nov 23 01:00:00 alpha kernel: "
		b.WriteString(fast + "unreferenced object 0xffff888101a2b3c0 (size 8):\n" + fast + "  comm \"x\", pid 1, jiffies 2\n" + fast + "  backtrace:\n")
		for j := range 100 {
			fmt.Fprintf(&b, "%s    fast_%d_%d+0x1/0x2\n", fast, i, j)
		}
	}
	leaks, errs := collect(t, b.String())
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, l := range leaks {
		switch l.Addr {
		case 0xffff888101a2b400:
			if diff := cmp.Diff(want, l.Backtrace); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		default:
			if len(l.Backtrace) != 100 || l.Backtrace[0].Func[:5] != "fast_" {
				t.Errorf("leak %v", l)
			}
		}
	}
}
