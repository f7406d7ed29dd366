// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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

// A person, a program or a future kernel has changed one line of a record. Then the
// record is read as it was meant, or there is an error beside it.
func TestExtractFrames(t *testing.T) {
	const (
		head = "unreferenced object 0xffff888101a2b3c0 (size 64):\n  comm \"x\", pid 1, jiffies 2\n  backtrace:\n"
		one  = "first+0x1/0x20\n"
		two  = "second+0x13/0x50 [m]\n"
		tail = "last+0x5/0x60\n"
	)
	// in returns a record with a line between the first frame and the last.
	in := func(line string) string { return head + "    " + one + line + "    " + tail }
	tests := []struct {
		name, text string
		frames     string // each in a line
		cause      string // of the error, "" if there is none
	}{
		{"whole", in("    " + two), one + two + tail, ""},
		{"module in the next line, filled", head + "first+0x1/0x20 second+0x13/0x50\n[m] last+0x5/0x60\n", one + two + tail, ""},
		{"position in the next line, filled", head + "first+0x1/0x20 second+0x13/0x50\nm/x.c:1 last+0x5/0x60 k.c:3\n", one + "second+0x13/0x50 m/x.c:1\nlast+0x5/0x60 k.c:3\n", ""},
		{"inlined, filled", head + "first+0x1/0x20 kz a/b.h:5 [inline] second+0x13/0x50 [m]\n", one + "kz a/b.h:5 [inline]\n" + two, ""},
		{"name at the end of a line, filled", head + "first+0x1/0x20 kz\na/b.h:5 [inline] second+0x13/0x50\n[m] last+0x5/0x60 k2 c.h:7\n[inline]\n",
			one + "kz a/b.h:5 [inline]\n" + two + tail + "k2 c.h:7 [inline]\n", ""},
		{"a word at the end of a line", head + "first+0x1/0x20 here\nis it\n", one, ""},
		{"inlined, with a comma", in("    kz a/b.h:5 [inline],\n"), one + "kz a/b.h:5 [inline]\n" + tail, ""},
		{"inlined, with a discriminator", in("    kz a/b.h:5 [inline] (discriminator 3)\n"), one + "kz a/b.h:5 [inline]\n" + tail, ""},
		{"decoded, line unknown", in("    second (m/x.c:?)\n"), one + "second m/x.c:0\n" + tail, ""},
		{"decoded, module and mark", in("    second (m/x.c:7) m (P)\n"), one + "second [m] m/x.c:7\n" + tail, ""},
		{"no address in brackets", in("    [] second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"angles", in("    [<>] second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"address replaced", in("    [<xxxxxxxx>] second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"0x in brackets", in("    [<0xffffffff81234567>] second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"angles only", in("    <ffffffff81234567> second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"parentheses", in("    (ffffffff81234567) second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"no brackets", in("    ffffffff81234567 second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"address and colon", in("    00000000aa687c97: second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"bare address", in("    [] 0xffffffffc03d4015\n"), one + "0xffffffffc03d4015\n" + tail, ""},
		{"arrow", in("--> second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"bold", in("    **second+0x13/0x50** [m]\n"), one + two + tail, ""},
		{"number", in("    #1 second+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"empty line", in("\n    " + two), one + two + tail, ""},
		{"empty line, prose", head + "    " + one + "\n" + "    that is so\n    " + tail, one, "in no record"},
		{"foreign line without indentation", head + one + two + "usb 1-1: new device\n" + tail, one + two + tail, ""},
		{"stack without indentation", head + one + "RIP:\n" + tail, one, ""},
		{"name cut by a terminal", in("    sec\nond+0x13/0x50 [m]\n"), one + two + tail, ""},
		{"offset cut by a terminal", in("    second+0x1\n3/0x50 [m]\n"), one + two + tail, ""},
		{"size cut by a terminal", in("    second+0x13/0x5\n0 [m]\n"), one + two + tail, ""},
		{"size that goes on", in("    second+0x13/0x50\n0 [m]\n"), one + "second+0x13/0x50\n" + tail, "goes on with digits"},
		{"module cut by a terminal", in("    second+0x13/0x50 [my\n_mod]\n"), one + "second+0x13/0x50 [my_mod]\n" + tail, ""},
		{"address cut by a terminal", head + "    [<ffffffff81\n234567>] second+0x13/0x50 [m]\n", two, ""},
		{"size cut", in("    second+0x13/0x5\n"), one + "second+0x13/0x5\n" + tail, "a frame is cut"},
		{"size missing", in("    second+0x13\n"), one + "second+0x13\n" + tail, "a frame is cut"},
		{"offset beyond the size", in("    second+0x53/0x50 [m]\n"), one + "second+0x53/0x50 [m]\n" + tail, "the offset is beyond the size"},
		{"module open", in("    second+0x13/0x50 [m\n"), one + tail, "a frame is cut"},
		{"name cut at the end", head + "    " + one + "    las", one, "a frame is cut"},
		{"a word", in("    etc.\n"), one + tail, "a frame is cut"},
		{"unknown character", in("    sec?nd+0x13/0x50 [m]\n"), one + tail, "a line of the backtrace is not a frame"},
		{"blank in it", in("    second +0x13/0x50 [m]\n"), one + tail, "a line of the backtrace is not a frame"},
		{"unknown line", in("    cpu 3 of 4\n"), one + tail, "a line of the backtrace is not a frame"},
		{"printk within", in("    sec[   12.345678] usb 1-1: new device\nond+0x13/0x50 [m]\n"), one + tail, "a line of the backtrace is not a frame"},
		{"lines left out", in("(15 lines omitted)\n"), one + tail, "lines are left out"},
		{"pager", in("... skipping ...\n"), one + tail, "lines are left out"},
		{"prose behind a frame", head + "    " + one + "So it is\n    second+0x13/0x50 because of that\n", one, ""},
		{"names after the record", head + "    " + one + "where\n    second\n    third\n", one, ""},
		{"another stack", head + "    " + one + "Call Trace:\n    " + tail, one, ""},
		{"open list", in(strings.Repeat("    f+0x1/0x2 (a.c:1\n", 100)), "", "a frame is cut"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaks, errs := collect(t, tt.text)
			if len(leaks) != 1 {
				t.Fatalf("leaks %v", leaks)
			}
			var got strings.Builder
			for _, f := range leaks[0].Backtrace {
				got.WriteString(f.String() + "\n")
			}
			if diff := cmp.Diff(tt.frames, got.String()); diff != "" && tt.frames != "" {
				t.Errorf("(-want +got):\n%s\nin\n%s", diff, tt.text)
			}
			switch err := errs[0]; {
			case tt.cause == "" && err != nil:
				t.Error(err)
			case tt.cause != "" && (err == nil || !strings.Contains(err.Error(), tt.cause)):
				t.Errorf("error %v, want %q", err, tt.cause)
			}
		})
	}
}
