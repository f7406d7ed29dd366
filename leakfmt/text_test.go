// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

var update = flag.Bool("update", false, "write the golden files anew")

var builds = []string{"6.1-i386", "6.1-x86_64", "6.12-x86_64", "6.12-arm64", "7.3-x86_64"}

const (
	reports = "../testdata/reports/"
	hello   = "../testdata/modules/hello_kernel"
)

// report reads the captured report of a kernel.
func report(t testing.TB, build string) []kmemleak.Leak {
	t.Helper()
	file, err := os.Open(reports + "hello_kernel-" + build + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	leaks, err := kmemleak.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return leaks
}

// symbolizer returns a Symbolizer for the module that leaked. It knows where the
// module was, and where its source is.
func symbolizer(t testing.TB, build string) *kmemleak.Symbolizer {
	t.Helper()
	s := &kmemleak.Symbolizer{
		Release: "0",
		Dirs:    []string{hello + "/" + build},
		Paths:   []kmemleak.PathPrefix{{Old: "/usr/src/kmemleak/hello_kernel", New: hello}},
	}
	t.Cleanup(func() { s.Close() })
	b, err := os.ReadFile(reports + "hello_kernel-" + build + ".modules.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &s.Modules); err != nil {
		t.Fatal(err)
	}
	return s
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = "testdata/" + name
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTextGolden(t *testing.T) {
	for _, build := range builds {
		s := symbolizer(t, build)
		options := map[string]*Options{"": {Symbolizer: s, ObjectType: true, Clock: kmemleak.BootClock(250)}}
		if build == "6.12-x86_64" {
			options["-raw"] = nil
			options["-brief"] = &Options{Symbolizer: s, Detail: Brief, MaxGroups: 2, MaxFrames: 6}
			options["-verbose"] = &Options{Symbolizer: s, Detail: Verbose, ObjectType: true}
			options["-color"] = &Options{Symbolizer: s, Color: Always}
		}
		for name, o := range options {
			var b bytes.Buffer
			if err := Text(&b, report(t, build), o); err != nil {
				t.Fatal(err)
			}
			golden(t, "hello_kernel-"+build+name+".txt", b.Bytes())
		}
	}
}

// The available module is of another build than the one that leaked, and it is not
// known where that was: some frames are contradicted, some ambiguous.
func TestTextOtherBuild(t *testing.T) {
	s := symbolizer(t, "6.1-x86_64")
	s.Modules = nil
	var b bytes.Buffer
	if err := Text(&b, report(t, "6.12-x86_64"), &Options{Symbolizer: s}); err != nil {
		t.Fatal(err)
	}
	golden(t, "hello_kernel-other-build.txt", b.Bytes())
}

// hostile is a leak in which every text is made to do harm.
func hostile() kmemleak.Leak {
	const evil = "a\x1b[31m\u202eb\xff\n\r\t\x00\u2028\u009b<&>\"\\']]>"
	return kmemleak.Leak{
		Addr: 1, Size: 2, Comm: evil, Data: []byte(evil),
		Backtrace: []kmemleak.Frame{
			{Func: evil, File: evil, Line: 3, Inlined: true},
			{Func: evil, Offset: 1, Size: 2, Module: evil, BuildID: evil, File: evil, Line: 4},
			{Func: evil},
			{Func: strings.Repeat("é", 5000) + "::x", Offset: 1, Module: strings.Repeat("m", 5000), File: strings.Repeat("ü", 5000), Line: 1},
			{Addr: 1<<64 - 1},
		},
	}
}

// checkClean checks that a terminal shows every character of a text.
func checkClean(t testing.TB, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		t.Errorf("no UTF-8: %q", s)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("not fit for a terminal: %q", s[i:min(len(s), i+20)])
	}
}

func TestTextHostile(t *testing.T) {
	for _, detail := range []Detail{Normal, Brief, Verbose} {
		var b strings.Builder
		o := &Options{Detail: detail, Err: errors.New("e\x1b\n\u202e"), Symbolizer: symbolizer(t, builds[0])}
		if err := Text(&b, []kmemleak.Leak{hostile(), hostile()}, o); err != nil {
			t.Fatal(err)
		}
		checkClean(t, b.String())
		checkClean(t, Owner(hostile(), o))
		for line := range strings.Lines(b.String()) {
			if len(line) > 4*maxText && detail != Verbose {
				t.Errorf("a line of %d bytes: %s", len(line), line)
			}
		}
	}
}

func TestText(t *testing.T) {
	frame := kmemleak.Frame{Func: "lose", Offset: 1, Size: 0x10, Module: "m"}
	var many []kmemleak.Leak
	for i := range 7 {
		f := frame
		f.Func += strings.Repeat("x", i)
		many = append(many, kmemleak.Leak{Addr: uint64(i), Size: uint64(100 - i), Backtrace: []kmemleak.Frame{f}})
	}
	deep := kmemleak.Leak{Size: 8, Comm: "x\x1b[31m", PID: 7, Backtrace: slices.Repeat([]kmemleak.Frame{frame}, 9)}
	huge := kmemleak.Leak{Size: math.MaxUint64, Backtrace: many[0].Backtrace}
	clock := kmemleak.BootClock(100)
	clock.Wall = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	timed := []kmemleak.Leak{
		{Size: 8, Jiffies: 1<<32 - 29_000, Age: 5 * time.Second, Backtrace: many[0].Backtrace},
		{Size: 8, Jiffies: 1<<32 - 28_000, Age: 15 * time.Second, Backtrace: many[0].Backtrace},
	}
	named := func(names ...string) (fs []kmemleak.Frame) {
		for _, name := range names {
			fs = append(fs, kmemleak.Frame{Func: name, Offset: 1, Size: 2})
		}
		return fs
	}
	var calls []kmemleak.Call
	for i, f := range named("__kmalloc", "thing_alloc", "bus_open", "card_start") {
		calls = append(calls, kmemleak.Call{Frame: f, Confidence: kmemleak.Assumed, Pos: []kmemleak.Pos{
			{Func: f.Func, File: "net/" + f.Func[strings.IndexByte(f.Func, '_')+1:] + ".c", Line: 7 + i, Returns: []string{"pointer", "value"}[i/2]},
		}})
	}
	perCPU := kmemleak.Leak{Addr: 0x100, Size: 8, PerCPU: true, CPU: 3, Data: []byte("a")}
	for _, tt := range []struct {
		name  string
		leaks []kmemleak.Leak
		opts  *Options
		want  string
	}{
		{"no leaks", nil, nil, "no leaks\n"},
		{"could not look", nil, &Options{Err: kmemleak.ErrDisabled}, "could not look for leaks: kmemleak is switched off\n"},
		{"not sure of none", nil, &Options{Doubts: []error{errors.New("2 scans\n\x1b"), errors.New("who")}},
			"no leaks found, but the search is not sure of that\n  not sure: 2 scans; \ufffd\n  not sure: who\n"},
		{"leaks and an error", many[:1], &Options{Err: kmemleak.ErrTruncated, Detail: Brief}, `1 leak, 100 bytes in all
leaks may be missing: more leaks than the limit
  1 leak, 100 bytes: lose+0x1/0x10 [m]
    allocated by a thread that is not known
    → lose+0x1/0x10 [m]
`},
		{"groups", many, &Options{Detail: Brief, MaxGroups: 2}, `7 leaks, 679 bytes in all, from 7 places
  1 leak, 100 bytes: lose+0x1/0x10 [m]
    allocated by a thread that is not known
    → lose+0x1/0x10 [m]
  1 leak, 99 bytes: losex+0x1/0x10 [m]
    allocated by a thread that is not known
    → losex+0x1/0x10 [m]
  and 5 places more
`},
		{"frames", []kmemleak.Leak{deep}, &Options{Detail: Brief, MaxFrames: 2}, `1 leak, 8 bytes in all
  1 leak, 8 bytes: lose+0x1/0x10 [m]
    allocated by thread 7 ("x\x1b[31m")
    → lose+0x1/0x10 [m]
      lose+0x1/0x10 [m]
      and 7 lines more
`},
		{"sizes beyond all", []kmemleak.Leak{huge, huge}, &Options{Detail: Brief}, `2 leaks, 18446744073709551615 bytes in all
  2 leaks, 18446744073709551615 bytes: lose+0x1/0x10 [m]
    allocated by a thread that is not known
    → lose+0x1/0x10 [m]
`},
		{"times", timed, &Options{Clock: clock}, `2 leaks, 16 bytes in all

  2 leaks, 16 bytes: lose+0x1/0x10 [m]
    allocated by thread 0 (""), jiffies 4294938296 to 4294939296, first at 2026-11-23T12:00:10Z, 15s old at most, 5s at least
    first object 0x0 (size 8), fingerprint 2ff59642a998c9f9
    backtrace:
    → lose+0x1/0x10 [m]
`},
		{"candidates, by names", []kmemleak.Leak{{Size: 8, Backtrace: named("__kmalloc", "thing_alloc", "thing_open", "bus_open")}}, nil, `1 leak, 8 bytes in all

  1 leak, 8 bytes: thing_open+0x1/0x2, or thing_alloc
    allocated by a thread that is not known, at a time that is not known either
    object 0x0 (size 8), fingerprint 2ba95e7d30cbc83a
    backtrace:
      __kmalloc+0x1/0x2
      thing_alloc+0x1/0x2
    → thing_open+0x1/0x2
      bus_open+0x1/0x2
    whose it may be, the likeliest first:
      thing_open+0x1/0x2   called thing_alloc, which hands on what it makes, as its name says
      thing_alloc+0x1/0x2  hands on what it makes, as its name says; as likely as the first
      bus_open+0x1/0x2     called thing_open, which does not seem to hand on what it makes
`},
		{"candidates, with files", []kmemleak.Leak{{Size: 8, Calls: calls}}, nil, `1 leak, 8 bytes in all

  1 leak, 8 bytes: bus_open at net/open.c:9
    allocated by a thread that is not known, at a time that is not known either
    object 0x0 (size 8), fingerprint 271a02117af87c23
    backtrace:
      __kmalloc+0x1/0x2    net/_kmalloc.c:7
      thing_alloc+0x1/0x2  net/alloc.c:8
    → bus_open+0x1/0x2     net/open.c:9
      card_start+0x1/0x2   net/start.c:10
    whose it may be, the likeliest first:
      bus_open at net/open.c:9      called thing_alloc, which returns what it makes
      thing_alloc at net/alloc.c:8  returns what it makes
      card_start at net/start.c:10  called bus_open, which returns no pointer
`},
		{"candidates, brief", []kmemleak.Leak{{Size: 8, Calls: calls}}, &Options{Detail: Brief}, `1 leak, 8 bytes in all
  1 leak, 8 bytes: bus_open at net/open.c:9
    allocated by a thread that is not known
      __kmalloc+0x1/0x2    net/_kmalloc.c:7
      thing_alloc+0x1/0x2  net/alloc.c:8
    → bus_open+0x1/0x2     net/open.c:9
      card_start+0x1/0x2   net/start.c:10
`},
		{"no backtrace, per CPU", []kmemleak.Leak{perCPU}, nil, `1 leak, 8 bytes in all

  1 leak, 8 bytes: owner not known
    allocated by a thread that is not known, at a time that is not known either
    object (percpu) 0x100 (size 8), fingerprint 271a02117af87c23, first 1 bytes on cpu 3:
      61                                               a
    no backtrace
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := Text(&b, tt.leaks, tt.opts); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkClean(t, b.String())
		})
	}
}

// limited is a writer that fails after so many bytes.
type limited int

var errFull = errors.New("full")

func (l *limited) Write(b []byte) (int, error) {
	n := min(int(*l), len(b))
	*l -= limited(n)
	if n < len(b) {
		return n, errFull
	}
	return n, nil
}

func TestWriterErrors(t *testing.T) {
	leaks := report(t, builds[0])
	for name, write := range map[string]func(io.Writer, []kmemleak.Leak, *Options) error{
		"Text": Text, "JSONLines": JSONLines, "JUnit": JUnit, "OpenMetrics": OpenMetrics,
	} {
		var b bytes.Buffer
		if err := write(&b, leaks, nil); err != nil {
			t.Fatal(err)
		}
		for n := range b.Len() {
			room := limited(n)
			if err := write(&room, leaks, nil); !errors.Is(err, errFull) {
				t.Fatalf("%s with room for %d of %d bytes: %v", name, n, b.Len(), err)
			}
		}
		room := limited(b.Len())
		if err := write(&room, leaks, nil); err != nil {
			t.Errorf("%s with room for all: %v", name, err)
		}
	}
}

// The page for readers explains every mark.
func TestMarks(t *testing.T) {
	page, err := os.ReadFile("../docs/reading-reports.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range marks {
		if m.mark != "source" && !strings.Contains(string(page), "\n| `"+m.mark+"` | ") {
			t.Errorf("docs/reading-reports.md does not explain %q", m.mark)
		}
	}
}

// The reason why there is no line is said once, though it names each frame.
func TestTextReasonOnce(t *testing.T) {
	why := func(name string) kmemleak.Leak {
		f := kmemleak.Frame{Func: name, Offset: 1, Size: 2, Module: "leaky"}
		return kmemleak.Leak{Addr: 1, Size: 8, Backtrace: []kmemleak.Frame{f}, Calls: []kmemleak.Call{{
			Frame: f, Problem: kmemleak.ProblemNoDebug, Err: errors.New(f.String() + ": leaky.ko is stripped"),
		}}}
	}
	var b strings.Builder
	if err := Text(&b, []kmemleak.Leak{why("first"), why("second")}, nil); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "          leaky.ko is stripped\n"); n != 1 {
		t.Errorf("%d times:\n%s", n, &b)
	}
}
