// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestExtractDamage(t *testing.T) {
	lines := strings.SplitAfter(carried[:strings.Index(carried, "unreferenced object 0xffff888101a2b400")], "\n")
	without := func(n ...int) string {
		var b strings.Builder
		for i, l := range lines {
			if !slices.Contains(n, i) {
				b.WriteString(l)
			}
		}
		return b.String()
	}
	tests := []struct {
		name, text string
		line       int
		cause      string
	}{
		{"header only", lines[0], 1, "the comm line is missing"},
		{"header only, before prose", lines[0] + "\nHello\n", 1, "the comm line is missing"},
		{"size cut off", "unreferenced object 0xffff888101a2b3c0 (si", 1, "the size of the object is missing"},
		{"size lost", "unreferenced object 0xffff888101a2b3c0\n" + without(0), 1, "the size of the object is missing"},
		{"no comm", without(1), 2, "the comm line is missing"},
		{"comm cut", lines[0] + "  comm \"Web Con\n" + without(0, 1), 2, "a line is cut"},
		{"no hex header", without(2), 3, "what follows it is in no record"},
		{"a row less", without(4), 5, "the hex dump is cut"},
		{"no backtrace line", without(5), 6, "the line before the backtrace is missing"},
		{"ends after comm", strings.Join(lines[:2], ""), 2, "the backtrace is missing"},
		{"ends in the dump", strings.Join(lines[:4], ""), 4, "the hex dump is cut"},
		{"ends in an address", strings.Join(lines[:7], "") + "    [<ffffff", 8, "a frame is cut"},
		{"ends after an address", strings.Join(lines[:7], "") + "    [<ffffffff81687c97>]", 8, "a frame is cut"},
		{"ends in a size", strings.Join(lines[:6], "") + "    [<ffffffff81687c97>] kmalloc_trace+0x297/0x3", 7, "a frame is cut"},
		{"ends in a module", strings.Join(lines[:7], "") + "    [<ffffffffc0a011d3>] thing_alloc.isra.0+0x13/0x50 [thing_", 8, "a frame is cut"},
		{"shortened", strings.Join(lines[:8], "") + "    ...\n", 9, "lines are left out"},
		{"shortened otherwise", strings.Join(lines[:8], "") + "[snip]\n", 9, "lines are left out"},
		{"stands for more", strings.Join(lines, "") + "    ... and 99999999999 more object(s) with the same backtrace\n", 11, "how many objects have the same backtrace cannot be read"},
		{"messages dropped", strings.Join(lines[:8], "") + "** 40 printk messages dropped **\n" + strings.Join(lines[8:], ""), 9, "lines of the log are lost after it"},
		{"messages missed", strings.Join(lines, "") + "Nov 23 01:13:44 host1 systemd-journald[1]: Missed 12 kernel messages\n", 11, "lines of the log are lost after it"},
		{"lines skipped", strings.Join(lines[:8], "") + "... 12 lines skipped ...\n", 9, "lines are left out"},
		{"another boot", strings.Join(lines[:4], "") + "[    0.000000] Linux version 6.12.1\n" + strings.Join(lines[5:], ""), 4, "the hex dump is cut"},
		{"size too large", strings.Replace(without(), "(size 64)", "(size 18446744073709551616)", 1), 1, "the size of the object is missing"},
		{"size negative", strings.Replace(without(), "(size 64)", "(size -1)", 1), 1, "the size of the object is missing"},
		{"size misspelt", strings.Replace(without(), "(size 64)", "(sise 64)", 1), 1, "the size of the object is missing"},
		{"size without its word", strings.Replace(without(), " (size 64)", "", 1), 1, "the size of the object is missing"},
		{"a word before the frames", strings.Join(lines[:6], "") + "random\n" + strings.Join(lines[6:], ""), 11, "the frames are not of one form"},
		{"second comm", strings.Join(lines, "") + lines[1], 11, "a second comm line"},
		{"second backtrace", strings.Join(lines, "") + lines[5], 11, "a second backtrace"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaks, errs := collect(t, tt.text)
			if len(leaks) != 1 || leaks[0].Addr != 0xffff888101a2b3c0 {
				t.Fatalf("leaks %v", leaks)
			}
			var pe *ParseError
			if !errors.As(errs[0], &pe) || !errors.Is(errs[0], ErrFormat) {
				t.Fatalf("error %v", errs[0])
			}
			if pe.Line != tt.line || !strings.HasSuffix(pe.Err.Error(), ": "+tt.cause) {
				t.Errorf("error %q, want %q in line %d", pe, tt.cause, tt.line)
			}
		})
	}
}

// What a person would read as the end of a record, and what not.
func TestExtractEnds(t *testing.T) {
	const head = "unreferenced object 0xffff888101a2b3c0 (size 8):\n  comm \"a\", pid 5, jiffies 1\n  backtrace:\n"
	const frames = "    vmalloc_noprof+0x3c/0x50\n    myfunc+0xa/0x20 [hello_kernel]\n"
	for _, tt := range []struct {
		name, text string
		frames     int
	}{
		{"a bare address after an empty line", head + frames + "\n    0xffffffffc01d3017\n    do_one_initcall+0x6e/0x180\n", 4},
		{"thanks after an empty backtrace", head + "\nThanks\n\nBob\n", 0},
		{"blanks within the header", strings.Replace(head+frames, "unreferenced object", "unreferenced \t object", 1), 2},
	} {
		leaks, errs := collect(t, tt.text)
		if len(leaks) != 1 || errs[0] != nil || len(leaks[0].Backtrace) != tt.frames {
			t.Errorf("%s: %v, %v, want %d frames", tt.name, leaks, errs, tt.frames)
		}
	}
}

func TestExtractNothing(t *testing.T) {
	for _, text := range []string{
		"", "\n\n\n", "hello", "unreferenced object", "unreferenced object 0x", "unreferenced object 0xffff888101a2b3c0",
		"unreferenced objects 0xffff888101a2b3c0 (size 64):\n",
		"an unreferenced object 0xffff888101a2b3c0 was found\n  comm \"x\", pid 1, jiffies 2\n",
		"\tseq_printf(seq, \"unreferenced object 0x%08lx (size %zu):\\n\",\n",
		"unreferenced object 0xffff888101a2b3c0 (size 18446744073709551616):\n",
		"  comm \"insmod\", pid 776, jiffies 4294682844\n  backtrace:\n    foo+0x1/0x2\n",
		"kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n",
		"kmemleak: Object 0xf6556000 (size 16777216):\nkmemleak:   comm \"swapper/0\", pid 0, jiffies 4294877296\nkmemleak:   backtrace:\n",
		"referenced object 0xffff888101a2b3c0 (size 64):\n  comm \"insmod\", pid 776, jiffies 4294682844\n",
	} {
		if leaks, _ := collect(t, text); len(leaks) > 0 {
			t.Errorf("%q gives %v", text, leaks)
		}
	}
}
