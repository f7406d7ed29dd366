// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// checkLeak fails if a leak does not come back from its text or its JSON.
func checkLeak(t *testing.T, l Leak) {
	t.Helper()
	more := l.More
	l.More = 0 // only the console has it
	text := l.String()
	again, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%q", err, text)
	}
	if diff := cmp.Diff([]Leak{l}, again); diff != "" {
		t.Fatalf("from its text (-want +got):\n%s\n%q", diff, text)
	}
	l.More = more
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var j Leak
	if err := json.Unmarshal(b, &j); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	if diff := cmp.Diff(l, j); diff != "" {
		t.Fatalf("from its JSON (-want +got):\n%s", diff)
	}
}

func addReports(f *testing.F) {
	for _, text := range captures(f) {
		f.Add(text[:1500])
	}
	f.Add([]byte(tutorialReport))
	f.Add([]byte(carried))
	f.Add([]byte(prefix("[  %d.%06d][  T170] kmemleak: ")(carried)))
	f.Add([]byte(prefix("> ")(wrap(60)(carried))))
	f.Add([]byte("unreferenced object (percpu) 0x607b97e9cab8 (size 16):\n  comm \"x\n  backtrace:\n\", pid -1, jiffies 4294931867 (age 0.001s)\n" +
		"  hex dump (first 8 bytes on cpu 3):\n    61 62 63 64 65 66 67 68                          abcdefgh\n" +
		"  backtrace (crc 0):\n    kzalloc include/linux/slab.h:1094 [inline]\n    f+0x1/0x2 [m 0123456789] (a.c:1)\n    0xffffffffc0a015e4\n    <A as B>::c+0x1/0x2\n"))
}

// marked reports whether a text has the marks of a carrier.
func marked(text []byte) bool {
	var restored []byte
	in := logtext.NewText(bytes.NewReader(text), &subject)
	for l, ok := in.Next(); ok; l, ok = in.Next() {
		restored = append(append(restored, l.Text...), '\n')
	}
	return !bytes.Equal(bytes.TrimSuffix(restored, []byte("\n")), bytes.TrimSuffix(text, []byte("\n")))
}

func FuzzParse(f *testing.F) {
	addReports(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		leaks, err := Parse(bytes.NewReader(text))
		var pe *ParseError
		if err != nil && (!errors.As(err, &pe) || !errors.Is(err, ErrFormat) || pe.Line < 1 || pe.Line > bytes.Count(text, []byte("\n"))+1) {
			t.Fatalf("error %v", err)
		}
		for i, l := range leaks {
			if err == nil || i < len(leaks)-1 {
				checkLeak(t, l)
			}
		}
		// Control characters outside of the kernel's own layout are noise of a
		// console for Extract, and what mail and web pages put for others it undoes.
		control := func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }
		if err != nil || bytes.ContainsFunc(text, control) || marked(text) {
			return
		}
		// What is right in the strict sense is right in the wide one, or doubted
		// aloud: text that a log can do to a report is no proof of damage for Parse.
		i := 0
		for l, err := range Extract(bytes.NewReader(text)) {
			if err != nil && cmp.Equal(l, Leak{}) {
				continue
			}
			if i >= len(leaks) || l.Addr != leaks[i].Addr || err == nil && !cmp.Equal(l, leaks[i]) {
				t.Fatalf("Extract: leak %d is %#v, %v; Parse gives\n%#v\n%q", i, l, err, leaks[min(i, len(leaks)-1)], text)
			}
			i++
		}
		if i != len(leaks) {
			t.Fatalf("Extract gives %d leaks, Parse %d", i, len(leaks))
		}
	})
}

// What a line of the kernel's own layout has of a report, found without Extract's code.
var (
	plainHeader = regexp.MustCompile(`(?m)^unreferenced object 0x[0-9a-f]{8,16} \(size [0-9]{1,9}\):$`)
	plainComm   = regexp.MustCompile(`(?m)^  comm "[a-z]+", pid [0-9]{1,6}, jiffies [0-9]{1,10}$`)
	plainRow    = regexp.MustCompile(`(?m)^    ([0-9a-f]{2} ){16} [ -~]{16}$`)
	plainFrame  = regexp.MustCompile(`(?m)^    [a-z_][a-z_0-9]*\+0x[0-9a-f]{1,4}/0x[0-9a-f]{1,4}( \[[a-z_]+\])?$`)
)

// checkLaws fails if something of a report is lost without a word.
func checkLaws(t *testing.T, text []byte) {
	var objects, named, frames, data int
	for l, err := range Extract(bytes.NewReader(text)) {
		if err != nil {
			return // a doubt
		}
		objects++
		if l.Comm != "" || l.Jiffies != 0 {
			named++
		}
		data += len(l.Data)
		for _, f := range l.Backtrace {
			if f.Size != 0 || f.Offset != 0 || f.Func != "" {
				frames++
			}
		}
	}
	first := plainHeader.FindIndex(text)
	if first == nil || logtext.AnnouncesStack(text) || bytes.ContainsAny(text, "\x1b\b\r\x00\\<=&{") {
		return // there are other stacks, or marks of carriers
	}
	count := func(r *regexp.Regexp) int { return len(r.FindAll(text[first[0]:], -1)) }
	want := []int{count(plainHeader), count(plainComm), count(plainFrame), 16 * count(plainRow)}
	got := []int{min(want[0], objects), min(want[1], named), min(want[2], frames), min(want[3], data)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("leaks, threads, frames, bytes, without an error (-want +got):\n%s\n%s", diff, text)
	}
}

// checkHeaders fails if a report has another number of leaks after a line of it was cut in two,
// without a word.
func checkHeaders(t *testing.T, lines []string, at, cut int) {
	want := len(plainHeader.FindAll([]byte(strings.Join(lines, "")), -1))
	lines[at] = lines[at][:cut] + "\n" + lines[at][cut:]
	text, got := strings.Join(lines, ""), 0
	for _, err := range Extract(strings.NewReader(text)) {
		if err != nil {
			return
		}
		got++
	}
	if got != want {
		t.Fatalf("%d leaks without an error, want %d\n%s", got, want, text)
	}
}

// A line of a text is lost, cut, repeated, indented, quoted or wrapped, or two texts are
// mixed.
func TestExtractLaws(t *testing.T) {
	texts := []string{strings.ReplaceAll(string(largeReport(3, 2, nil)), "[driver_0]", "[driver]"), tutorialReport}
	r := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		lines := strings.SplitAfter(texts[r.IntN(2)], "\n")
		at := r.IntN(len(lines) - 1)
		line := lines[at]
		cut := r.IntN(len(line))
		switch r.IntN(7) {
		case 0:
			lines = slices.Delete(lines, at, at+1)
		case 1:
			lines[at] = line[:cut] + "\n"
		case 2:
			lines = slices.Insert(lines, at, line)
		case 3:
			lines[at] = strings.Repeat(" ", 1+r.IntN(8)) + line
		case 4:
			lines[at] = "> " + line
		case 5:
			checkHeaders(t, slices.Clone(lines), at, cut)
			lines[at] = line[:cut] + "\n" + line[cut:]
		case 6:
			other := strings.SplitAfter(texts[r.IntN(2)], "\n")
			from := r.IntN(len(other))
			lines = slices.Insert(lines, at, other[from:min(len(other), from+1+r.IntN(8))]...)
		}
		checkLaws(t, []byte(strings.Join(lines, "")))
	}
}

func FuzzExtract(f *testing.F) {
	addReports(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		checkLaws(t, text)
		for l, err := range Extract(bytes.NewReader(text)) {
			var pe *ParseError
			var n *Notice
			lines := bytes.Count(text, []byte("\n")) + 1
			switch {
			case err == nil || errors.As(err, &pe) && pe.Line > 0 && pe.Line <= lines:
			case (errors.As(err, &n) && n.Line > 0 && n.Line <= lines || errors.Is(err, ErrNoReport)) && cmp.Equal(l, Leak{}):
				continue
			default:
				t.Fatalf("%v, error %v", l, err)
			}
			if !slices.ContainsFunc(l.Backtrace, Frame.beyond) {
				checkLeak(t, l)
			}
		}
	})
}

func FuzzParseFrame(f *testing.F) {
	for _, tt := range frameTests {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		frame, err := ParseFrame(text)
		if err != nil {
			if frame != (Frame{}) || !errors.Is(err, ErrFormat) {
				t.Fatalf("%v, %v", frame, err)
			}
			return
		}
		frame.Name()
		again, err := ParseFrame(frame.String())
		if frame.Func != "" {
			again.Addr = frame.Addr
		}
		if err != nil || frame != again {
			t.Fatalf("%q gives %#v, its text %q gives %#v, %v", text, frame, frame.String(), again, err)
		}
	})
}
