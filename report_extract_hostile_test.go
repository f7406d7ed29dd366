// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
		{"no hex header", without(2), 3, "the line before the hex dump is missing"},
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
		{"stands for more", strings.Join(lines, "") + "    ... and 9 more object(s) with the same backtrace\n", 11, "more objects with the same backtrace are not printed"},
		{"messages dropped", strings.Join(lines[:8], "") + "** 40 printk messages dropped **\n" + strings.Join(lines[8:], ""), 9, "lines of the log are lost after it"},
		{"messages missed", strings.Join(lines, "") + "Nov 23 01:13:44 host1 systemd-journald[1]: Missed 12 kernel messages\n", 11, "lines of the log are lost after it"},
		{"lines skipped", strings.Join(lines[:8], "") + "... 12 lines skipped ...\n", 9, "lines are left out"},
		{"another boot", strings.Join(lines[:4], "") + "[    0.000000] Linux version 6.12.1\n" + strings.Join(lines[5:], ""), 4, "the hex dump is cut"},
		{"size too large", strings.Replace(without(), "(size 64)", "(size 18446744073709551616)", 1), 1, "the size of the object is missing"},
		{"size negative", strings.Replace(without(), "(size 64)", "(size -1)", 1), 1, "the size of the object is missing"},
		{"size misspelt", strings.Replace(without(), "(size 64)", "(sise 64)", 1), 1, "the size of the object is missing"},
		{"size without its word", strings.Replace(without(), " (size 64)", "", 1), 1, "the size of the object is missing"},
		{"a word before the frames", strings.Join(lines[:6], "") + "random\n" + strings.Join(lines[6:], ""), 8, "the frame before it is a word alone"},
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

// A report that Parse reads without error gives the same in Extract, whatever the
// threads were called.
func TestExtractHostileNames(t *testing.T) {
	names := []string{
		"", `"`, `""`, `", pid 1, jiff`, "\", pid 9\n", "x\n  backtrace:\n", "\n  backtrace:", "\n\n\n\n\n\n", "a\nb\nc", "\t", " ", "\x1b[2J\x1b[H",
		"\r", "\\", "\\n  comm \\", "&lt;br&gt;", "<br>", "=3D=20", "\u00a0\u00a0", "\xff\xfe", "> quoted", "[ 12.345] x", "kmemleak: x",
		"\n> x", "\n[ 1.2] y", "comm \"x\", pid", "\n  comm \"x", "... and 9 more", "\nObject 0xf", "unreferenced ob", "\nunreferenced",
		"[snip]", "hex dump (first", "\nhex dump", "0x0", ", jiffies 1",
	}
	for _, name := range names {
		if len(name) > commLen {
			t.Fatalf("name %q is too long", name)
		}
		l := Leak{
			Addr: 0xffff888101a2b3c0, Size: 8, Comm: name, PID: 5, Jiffies: 6, Data: []byte("backtrac"),
			Backtrace: []Frame{{Func: "foo", Offset: 1, Size: 2}},
		}
		want := []Leak{l, l}
		text := l.String() + l.String()
		got, err := Parse(strings.NewReader(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Parse with name %q: %v (-want +got):\n%s", name, err, diff)
		}
		got, errs := collect(t, text)
		if diff := cmp.Diff(want, got); diff != "" || errors.Join(errs...) != nil {
			t.Errorf("Extract with name %q: %v (-want +got):\n%s", name, errs, diff)
		}
	}
}

// Names made of what the extractor looks for: the leaks are the same as in Parse, or
// doubted aloud.
func TestExtractMadeNames(t *testing.T) {
	parts := []string{
		"\n", "\n", "\n", " ", "    ", "\t", `"`, `",`, `", pid `, "=", "&lt;", "&amp;", "<br>", "<p>", "\\n", "\\", "comm ", "comm \"",
		"hex dump", "backtrace", "backtrace:", "00 00", "61", "f+0x1/0x2", "[<", "] ", "> ", "| ", "[ 1.2] ", "<4>", "kmemleak: ",
		"...", "[snip]", "unref", "nreferenced", "(age ", "jiffies 1", "a", "-", "#", "* ", "0x1", "Object ", "\u00a0", "\u201c",
		"\xa0", "\xff", "\x00", "[inline]", "(a.c:1)", "8<", "\x1b[m", "\r",
	}
	random := rand.New(rand.NewPCG(1, 2))
	read := 0
	for range 5000 {
		name := ""
		for range 1 + random.IntN(8) {
			if p := parts[random.IntN(len(parts))]; len(name)+len(p) <= commLen {
				name += p
			}
		}
		l := Leak{
			Addr: 0xffff888101a2b3c0, Size: 8, Comm: name, PID: 5, Jiffies: 6, Data: []byte("backtrac"),
			Backtrace: []Frame{{Func: "foo", Offset: 1, Size: 2}},
		}
		// Parse takes more or less blanks than the kernel's.
		text := strings.ReplaceAll(l.String(), name+`", pid 5,`, name+`",`+strings.Repeat(" ", random.IntN(3))+"pid"+strings.Repeat(" ", random.IntN(3))+"5,")
		if want, err := Parse(strings.NewReader(text)); err != nil || !cmp.Equal(want, []Leak{l}) {
			continue
		}
		read++
		got, errs := collect(t, text+text)
		if len(got) != 2 {
			t.Fatalf("%q: leaks %v, %v", text, got, errs)
		}
		for i := range got {
			if got[i].Addr != l.Addr || errs[i] == nil && !cmp.Equal(got[i], l) {
				t.Fatalf("%q: %v, without doubt (-want +got):\n%s", text, errs, cmp.Diff(l, got[i]))
			}
		}
	}
	if read < 4000 {
		t.Errorf("Parse reads %d only", read)
	}
}

// printk puts a time before each line of a name, and the tag before the first only.
func TestExtractHostileNamesInLog(t *testing.T) {
	for _, name := range []string{"x\n  backtrace:\n", "a\nb\nc", "\", pid 9\n", "\n\n\n\n"} {
		l := Leak{
			Addr: 0xffff888101a2b3c0, Size: 8, Comm: name, PID: 5, Jiffies: 6, Data: []byte("backtrac"),
			Backtrace: []Frame{{Func: "foo", Offset: 1, Size: 2}},
		}
		inName := 0
		text := eachLine(l.String()+l.String(), func(_ int, line string) string {
			tag := "kmemleak: "
			if inName > 0 {
				tag = ""
				inName--
			}
			if strings.HasPrefix(line, "  comm") {
				inName = strings.Count(name, "\n")
			}
			return "[   12.345678][  T170] " + tag + line
		})
		got, errs := collect(t, text)
		if diff := cmp.Diff([]Leak{l, l}, got); diff != "" || errors.Join(errs...) != nil {
			t.Errorf("name %q: %v (-want +got):\n%s\n%s", name, errs, diff, text)
		}
	}
}

// A capture is cut at every byte, at either end. What is left is found, and nothing
// else.
func TestExtractTruncated(t *testing.T) {
	for name, text := range captures(t) {
		whole, err := Parse(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		text := text[:2000]
		for n := range text {
			leaks, errs := collect(t, string(text[:n]))
			for i, l := range leaks {
				want := whole[i]
				last := i == len(leaks)-1
				if errs[i] == nil && !last && !cmp.Equal(l, want) {
					t.Fatalf("%s[:%d]: leak %d is %v, want %v", filepath.Base(name), n, i, l, want)
				}
				if l.Addr != want.Addr || l.Size != want.Size && (l.Size != 0 || errs[i] == nil) ||
					errs[i] == nil && (l.Comm != want.Comm || l.Jiffies != want.Jiffies || !bytes.Equal(l.Data, want.Data)) {
					t.Fatalf("%s[:%d]: leak %d is %v (%v), want %v", filepath.Base(name), n, i, l, errs[i], want)
				}
			}
			headers := bytes.Count(text[:n], []byte("):\n"))
			if len(leaks) == 0 && headers > 0 {
				t.Fatalf("%s[:%d]: no leaks", filepath.Base(name), n)
			}
		}
		for n := range text {
			leaks, errs := collect(t, string(text[n:]))
			for i, l := range leaks {
				j := slices.IndexFunc(whole, func(w Leak) bool { return w.Addr == l.Addr })
				if j < 0 {
					t.Fatalf("%s[%d:]: leak %v is invented", filepath.Base(name), n, l)
				}
				if i < len(leaks)-1 && (errs[i] != nil || !cmp.Equal(l, whole[j])) {
					t.Fatalf("%s[%d:]: leak %v (%v), want %v", filepath.Base(name), n, l, errs[i], whole[j])
				}
			}
		}
	}
}

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

// Lines without end need no memory.
func TestExtractLongLines(t *testing.T) {
	one := strings.Join(strings.Fields(carried), " ") + " "
	leaks, _ := collect(t, strings.Repeat(one, 2000)) // a single line of more than a megabyte
	if len(leaks) != 4000 {
		t.Errorf("%d leaks, want 4000", len(leaks))
	}
	leaks, _ = collect(t, strings.Repeat("x", 1<<20)+carried)
	if len(leaks) != 2 {
		t.Errorf("%d leaks after a long line, want 2", len(leaks))
	}
}
