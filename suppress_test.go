// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const suppressionFile = `# Known leaks.

leak: teardown, see bug: 12
    frame: thing_alloc
    frame: ...
    frame: do_*
    module: thing-*
    comm: modprobe
    expires: 2027-01-31

leak: everything of one thread
comm: kworker/*
`

func TestParseSuppressions(t *testing.T) {
	want := Suppressions{
		{
			Reason: "teardown, see bug: 12", Frames: []string{"thing_alloc", "...", "do_*"}, Module: "thing-*", Comm: "modprobe",
			Expires: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), Line: 3,
		},
		{Reason: "everything of one thread", Comm: "kworker/*", Line: 11},
	}
	for _, text := range []string{suppressionFile, "\ufeff" + strings.ReplaceAll(suppressionFile, "\n", "\r\n")} {
		got, err := ParseSuppressions(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestParseSuppressionsErrors(t *testing.T) {
	tests := []struct {
		name, text string
		entries    int
		want       string
	}{
		{"no key", "leak: a\nframe: f\nhello\n", 0, `line 3: expected a key, a colon and a value: "hello"`},
		{"no reason", "leak:\n", 0, `line 1: expected a key, a colon and a value: "leak:"`},
		{"no entry", "frame: f\n", 0, `line 1: expected "leak:" and a reason, with which an entry begins: "frame: f"`},
		{"unknown key", "leak: a\nframe: f\nleak: b\nfunc: f\n", 1, `line 4: unknown key: "func: f"`},
		{"twice", "leak: a\ncomm: f\ncomm: g\n", 0, `line 3: a second comm: "comm: g"`},
		{"bad date", "leak: a\nexpires: 31.1.2027\n", 0, `line 2: expected a date like 2027-01-31: "expires: 31.1.2027"`},
		{"matches all", "leak: a\n\nleak: b\ncomm: x\n", 0, `line 1: an entry needs a frame, a module or a comm: "a"`},
		{"matches all, at the end", "leak: b\ncomm: x\nleak: a\nexpires: 2027-01-31\n", 1, `line 3: an entry needs a frame, a module or a comm: "a"`},
		{"long line", "leak: b\ncomm: x\n# " + strings.Repeat("x", 1<<20), 0, "line 3: the line is too long"},
		{"no reason after an entry", "leak: b\ncomm: x\nleak:\n", 1, `line 3: expected a key, a colon and a value: "leak:"`},
		{"key without colon", "leak: b\ncomm: x\nleak: a\nframe: f\nmodule m\n", 1, `line 5: expected a key, a colon and a value: "module m"`},
		{"quote", "leak: a\ncomm: \"x\n", 0, `line 2: a value that starts with a quote has to be a string of Go: "comm: \"x"`},
		{"empty comm", "leak: a\ncomm: \"\"\n", 0, `line 2: the comm is empty: "comm: \"\""`},
		{"empty frame", "leak: a\nframe: \"\"\n", 0, `line 2: the frame is empty: "frame: \"\""`},
		{"frame with comment", "leak: a\nframe: f # g\n", 0, `line 2: a comment needs a line of its own: "frame: f # g"`},
		{"frame with offset", "leak: a\nframe: f+0x1/0x2\n", 0, `line 2: a frame is a name without offset: "frame: f+0x1/0x2"`},
		{"frame with module", "leak: a\nframe: f [m]\n", 0, `line 2: a frame is a name without module: "frame: f [m]"`},
		{"module with comment", "leak: a\nmodule: m # x\n", 0, `line 2: no module has a blank in its name: "module: m # x"`},
		{"comm with zero", "leak: a\ncomm: \"\\x00\"\n", 0, `line 2: no comm has a zero byte: "comm: \"\\x00\""`},
		{"before all dates", "leak: a\nexpires: 0000-12-31\n", 0, `line 2: expected a date like 2027-01-31: "expires: 0000-12-31"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, err := ParseSuppressions(strings.NewReader(tt.text))
			var pe *ParseError
			if !errors.As(err, &pe) || err.Error() != tt.want || len(list) != tt.entries {
				t.Errorf("%d entries, error %v, want %d, %v", len(list), err, tt.entries, tt.want)
			}
		})
	}
	broken := errors.New("broken")
	entry := strings.NewReader("leak: a\ncomm: x\nleak: b\ncomm: y\n")
	list, err := ParseSuppressions(io.MultiReader(entry, iotest.ErrReader(broken)))
	if len(list) != 1 || !errors.Is(err, broken) {
		t.Errorf("%v, error %v", list, err)
	}
}

func TestSuppressionString(t *testing.T) {
	tests := []struct {
		name string
		s    Suppression
		want string
	}{
		{"plain", Suppression{Reason: "a \"b\"", Frames: []string{"f", "...", "g*"}, Module: "m", Comm: "c d"}, "leak: a \"b\"\n    frame: f\n    frame: ...\n    frame: g*\n    module: m\n    comm: c d\n"},
		{"no reason", Suppression{Comm: "c"}, "leak: \"\"\n    comm: c\n"},
		{"reason of two lines", Suppression{Reason: "a\nleak: b\ncomm: *", Comm: "c"}, `leak: "a\nleak: b\ncomm: *"` + "\n    comm: c\n"},
		{"comm with blanks", Suppression{Reason: "a", Comm: " c\n"}, `leak: a` + "\n" + `    comm: " c\n"` + "\n"},
		{"comm with a quote", Suppression{Reason: "a", Comm: `"c"`}, `leak: a` + "\n" + `    comm: "\"c\""` + "\n"},
		{"comm of any bytes", Suppression{Reason: "a", Comm: "\xff\x1b"}, `leak: a` + "\n" + `    comm: "\xff\x1b"` + "\n"},
		{"day", Suppression{Reason: "a", Comm: "c", Expires: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)}, "leak: a\n    comm: c\n    expires: 2027-01-31\n"},
		{"moment", Suppression{Reason: "a", Comm: "c", Expires: time.Date(2027, 2, 1, 0, 0, 0, 1, time.UTC)}, "leak: a\n    comm: c\n    expires: 2027-02-01T00:00:00.000000001Z\n"},
		{"moment elsewhere", Suppression{Reason: "a", Comm: "c", Expires: time.Date(2027, 2, 1, 0, 0, 0, 0, time.FixedZone("", 3600))}, "leak: a\n    comm: c\n    expires: 2027-01-31T23:00:00Z\n"},
		{"first day", Suppression{Reason: "a", Comm: "c", Expires: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)}, "leak: a\n    comm: c\n    expires: 0001-01-01\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.s.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			got, err := ParseSuppressions(strings.NewReader(tt.s.String()))
			tt.s.Line = 1
			if diff := cmp.Diff(Suppressions{tt.s}, got); err != nil || diff != "" {
				t.Errorf("%v, back (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestSuppressionMatch(t *testing.T) {
	l := Leak{Comm: "modprobe", Backtrace: frames("kmalloc_trace+0x1/0x2", "kzalloc a.h:1 [inline]", "thing_alloc.isra.0+0x1/0x2 [thing_core]",
		"helper a.c:1 [inline]", "probe+0x1/0x2 [thing_core]", "0xffffffffc0a015e4", "do_one_initcall+0x1/0x2")}
	bare := Leak{Backtrace: frames("vmalloc+0x1/0x2", "0xffffffffc0a015e4")}
	builtIn := Leak{Backtrace: frames("vmalloc+0x1/0x2", "f+0x1/0x2")}
	tests := []struct {
		name string
		s    Suppression
		leak Leak
		want bool
	}{
		{"nothing", Suppression{}, l, false},
		{"reason alone", Suppression{Reason: "x"}, l, false},
		{"owner", Suppression{Frames: []string{"probe"}}, l, true},
		{"passed", Suppression{Frames: []string{"thing_alloc"}}, l, true},
		{"passed, as printed", Suppression{Frames: []string{"thing_alloc.isra.0"}}, l, true},
		{"part of the name", Suppression{Frames: []string{"thing"}}, l, false},
		{"wildcard", Suppression{Frames: []string{"thing_*"}}, l, true},
		{"not the owner", Suppression{Frames: []string{"do_one_initcall"}}, l, false},
		{"any depth", Suppression{Frames: []string{"...", "probe"}}, l, true},
		{"allocators are above", Suppression{Frames: []string{"...", "kmalloc_trace"}}, l, false},
		{"two frames", Suppression{Frames: []string{"thing_alloc", "probe"}}, l, true},
		{"two frames with a gap", Suppression{Frames: []string{"thing_alloc", "do_one_initcall"}}, l, false},
		{"gap allowed", Suppression{Frames: []string{"thing_alloc", "...", "do_one_initcall"}}, l, true},
		{"gap of none", Suppression{Frames: []string{"thing_alloc", "...", "probe", "..."}}, l, true},
		{"bare address", Suppression{Frames: []string{"*", "*", "0x*5e4"}}, l, true},
		{"too deep", Suppression{Frames: []string{"*", "*", "*", "*", "*"}}, l, false},
		{"module", Suppression{Module: "thing_core"}, l, true},
		{"module with hyphen", Suppression{Module: "thing-core"}, l, true},
		{"other module", Suppression{Module: "thing"}, l, false},
		{"kernel image", Suppression{Module: "vmlinux"}, builtIn, true},
		{"not the kernel image", Suppression{Module: "vmlinux"}, l, false},
		{"module of a bare address", Suppression{Module: "*"}, bare, false},
		{"comm", Suppression{Comm: "modprobe"}, l, true},
		{"comm in part", Suppression{Comm: "mod"}, l, false},
		{"all of them", Suppression{Comm: "mod*", Module: "thing*", Frames: []string{"thing_alloc"}}, l, true},
		{"all but one", Suppression{Comm: "insmod", Module: "thing*", Frames: []string{"thing_alloc"}}, l, false},
		{"no backtrace", Suppression{Frames: []string{"..."}}, Leak{}, false},
	}
	for _, tt := range tests {
		if got := tt.s.Match(tt.leak); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestSuppressionsFilter(t *testing.T) {
	list, err := ParseSuppressions(strings.NewReader(suppressionFile + "leak: unused\nframe: nobody\n"))
	if err != nil {
		t.Fatal(err)
	}
	leaks := []Leak{
		{Addr: 1, Size: 10, Comm: "modprobe", Backtrace: frames("thing_alloc+0x1/0x2 [thing_core]", "do_one_initcall+0x1/0x2")},
		{Addr: 2, Size: 20, Comm: "kworker/0:1"},
		{Addr: 3, Size: 30, Comm: "cat"},
	}
	end := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		now     time.Time
		expired bool
		rest    []Leak
	}{
		{end.Add(-1), false, leaks[2:]},
		{end, true, []Leak{leaks[0], leaks[2]}},
	} {
		rest, uses := list.Filter(leaks, tt.now)
		if diff := cmp.Diff(tt.rest, rest); diff != "" {
			t.Errorf("rest at %v (-want +got):\n%s", tt.now, diff)
		}
		want := []SuppressionUse{
			{Suppression: list[0], Expired: tt.expired, Count: 1, Bytes: 10},
			{Suppression: list[1], Count: 1, Bytes: 20},
			{Suppression: list[2]},
		}
		if diff := cmp.Diff(want, uses); diff != "" {
			t.Errorf("uses at %v (-want +got):\n%s", tt.now, diff)
		}
	}
}

func FuzzParseSuppressions(f *testing.F) {
	f.Add(suppressionFile)
	f.Add("leak: a\nexpires: 0001-01-01\nmodule: m\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ParseSuppressions(strings.NewReader(text))
		var pe *ParseError
		if err != nil && !errors.As(err, &pe) {
			t.Fatal(err)
		}
		var printed strings.Builder
		for i, s := range list {
			printed.WriteString(s.String())
			list[i].Line = 0
		}
		again, err := ParseSuppressions(strings.NewReader(printed.String()))
		for i := range again {
			again[i].Line = 0
		}
		if diff := cmp.Diff(list, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
		list.Filter([]Leak{{Comm: text, Backtrace: []Frame{{Func: text}}}}, time.Now())
	})
}

// What is printed is read as the same, or not at all.
func FuzzSuppressionString(f *testing.F) {
	f.Add("a", "f", "...", "m", "c", int64(0), int64(0))
	f.Add("a\nleak: b", "\"", " f", "m\r", "c # d", int64(1800000000), int64(1))
	f.Add("", "f+0x1", "", "", "\xff", int64(-62135596800), int64(0))
	f.Fuzz(func(t *testing.T, reason, frame1, frame2, module, comm string, seconds, nanos int64) {
		s := Suppression{Reason: reason, Frames: []string{frame1, frame2}, Module: module, Comm: comm, Expires: time.Unix(seconds, nanos)}
		got, err := ParseSuppressions(strings.NewReader(s.String()))
		if err != nil {
			if len(got) > 0 || badFrame(frame1) == "" && badFrame(frame2) == "" && len(s.String()) < bufio.MaxScanTokenSize && !strings.ContainsFunc(module, unicode.IsSpace) &&
				strings.IndexByte(comm, 0) < 0 && s.Expires.UTC().Year() >= 1 && s.Expires.UTC().Year() <= 9999 {
				t.Fatalf("%q gives %v, %v", s.String(), got, err)
			}
			return
		}
		s.Line = 1
		if diff := cmp.Diff(Suppressions{s}, got, cmpopts.EquateApproxTime(0)); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", s.String(), diff)
		}
	})
}
