// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
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
