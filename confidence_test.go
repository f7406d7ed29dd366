// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

// compile makes a relocatable file called mod.ko of C sources, each a file of its
// own: 0.c, 1.c and so on. It skips the test where there is no compiler for x86.
func compile(t *testing.T, flags string, sources ...string) string {
	t.Helper()
	need.Tools(t, "gcc binutils", "gcc", "ld")
	if machine, err := exec.Command("gcc", "-dumpmachine").Output(); err != nil || !strings.HasPrefix(string(machine), "x86_64-linux") {
		need.Skip(t, "gcc is for %q: one for x86_64 Linux is missing (try: on such a machine)", machine)
	}
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	link := []string{"-r", "-o", "mod.ko"}
	for i, source := range sources {
		c := fmt.Sprintf("%d.c", i)
		if err := os.WriteFile(filepath.Join(dir, c), []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		args := append(strings.Fields(flags), "-g", "-fno-pic", "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-c", c)
		run("gcc", args...)
		link = append(link, fmt.Sprintf("%d.o", i))
	}
	run("ld", link...)
	return filepath.Join(dir, "mod.ko")
}

// returns gives the offsets in a function at which calls return, and the size that
// a kernel would print, for the nth function of that name.
func returns(t *testing.T, path, function string, nth int) (offsets []uint64, size uint64) {
	t.Helper()
	f, err := kobj.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.Lookup(function)
	if err != nil || len(syms) <= nth {
		t.Fatalf("%d functions %s: %v", len(syms), function, err)
	}
	sym := syms[nth]
	for off := uint64(1); off <= sym.Size; off++ {
		if f.CallBefore(sym.Section, sym.Offset+off).Kind == kobj.CallDirect {
			offsets = append(offsets, off)
		}
	}
	sizes := f.Sizes(sym)
	if size = sizes.Next; size == 0 {
		size = sizes.Region
	}
	return offsets, size
}

// lines gives what is wanted of Backtraces in tests: confidence and lines.
func lines(calls []Call) []string {
	var out []string
	for _, c := range calls {
		s := c.Confidence.String() + ": " + brief(c.Pos)
		for _, other := range c.Others {
			s += " or " + brief(other)
		}
		out = append(out, s)
	}
	return out
}

const twin = `
void %[1]s(void);
void after(void);
static __attribute__((noinline)) void twin(void)
{
	%[1]s();
	after();
}
void %[1]s_caller(void)
{
	twin();
	after();
}
`

func TestBacktraceTwins(t *testing.T) {
	path := compile(t, "-O1", fmt.Sprintf(twin, "first"), "\n\n"+fmt.Sprintf(twin, "second"))
	at, size := returns(t, path, "twin", 0)
	callerAt, callerSize := returns(t, path, "second_caller", 0)
	s := &Symbolizer{Release: "0.0.1", Dirs: []string{path}}
	defer s.Close()
	frame := func(name string, off, size uint64) Frame {
		return Frame{Func: name, Offset: off, Size: size, Module: "mod"}
	}
	tests := []struct {
		name string
		bt   []Frame
		want []string
	}{
		{
			"nothing above",
			[]Frame{frame("twin", at[0], size)},
			[]string{"ambiguous: twin 0.c:6 or twin 1.c:8"},
		},
		{
			"the function above is called by one",
			[]Frame{{Func: "second", Offset: 8, Size: 16}, frame("twin", at[0], size)},
			[]string{"unresolved: ", "proved: twin 1.c:8"},
		},
		{
			"the function above is called by both",
			[]Frame{{Func: "after", Offset: 8, Size: 16}, frame("twin", at[1], size)},
			[]string{"unresolved: ", "ambiguous: twin 0.c:7 or twin 1.c:9"},
		},
		{
			"a call within the section",
			[]Frame{{Func: "second", Offset: 8, Size: 16}, frame("twin", at[0], size), frame("second_caller", callerAt[0], callerSize)},
			[]string{"unresolved: ", "proved: twin 1.c:8", "proved: second_caller 1.c:13"},
		},
		{
			"a mark at the end",
			[]Frame{frame("second_caller", callerAt[0], callerSize), {Addr: 0xffffffff}, {Addr: 0xffffffffffffffff}},
			[]string{"consistent: second_caller 1.c:13"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(s.Backtrace(tt.bt))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if c := s.Backtrace([]Frame{frame("twin", at[0], size)})[0]; c.Problem != ProblemAmbiguous || c.Err == nil {
		t.Errorf("problem %v of an ambiguous frame: %v", c.Problem, c.Err)
	}
	pos, err := s.Resolve(frame("twin", at[0], size))
	if err == nil || !strings.Contains(err.Error(), "ambiguous: 2 places fit") || len(pos) != 1 {
		t.Errorf("Resolve of an ambiguous frame: %v, %v", pos, err)
	}
}

// TestBacktraceSameName has functions of one name that their sizes tell apart, or
// that are the same function of a header twice.
func TestBacktraceSameName(t *testing.T) {
	sized := compile(t, "-O1", "void f(void); static __attribute__((noinline)) void g(void) { f(); f(); } void a(void) { g(); f(); }",
		"\nvoid f(void); static __attribute__((noinline)) void g(void) { f(); f(); f(); } void b(void) { g(); f(); }")
	header := "\n# 3 \"header.h\"\nvoid f(void); static __attribute__((noinline)) void g(void) { f(); f(); }\n"
	shared := compile(t, "-O1", header+"void a(void) { g(); f(); }", header+"void b(void) { g(); f(); }")
	tests := []struct {
		name string
		path string
		nth  int
		want string
	}{
		{"first size", sized, 0, "consistent: g 0.c:1"},
		{"second size", sized, 1, "consistent: g 1.c:2"},
		{"one header", shared, 0, "consistent: g header.h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at, size := returns(t, tt.path, "g", tt.nth)
			s := &Symbolizer{Release: "0.0.1", Dirs: []string{tt.path}}
			defer s.Close()
			f := Frame{Func: "g", Offset: at[0], Size: size, Module: "mod"}
			if diff := cmp.Diff(tt.want, lines(s.Backtrace([]Frame{f}))[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBacktraceNoReturn has a call that does not return at the very end of a
// function, so that kernels print the next one with offset 0.
func TestBacktraceNoReturn(t *testing.T) {
	path := compile(t, "-Os", `
void die(void) __attribute__((noreturn));
void work(void);
void last(void)
{
	work();
	die();
}
void next(void)
{
	work();
	work();
}
__asm__(".text; __pfx_padded: .skip 16, 0x90; .globl padded; padded: ret");
`, `
void die(void) __attribute__((noreturn));
__attribute__((section(".text.unlikely"))) void cold(void)
{
	die();
}
__attribute__((section(".text.z"))) void alone(void)
{
}
`)
	_, padding := returns(t, path, "__pfx_padded", 0)
	_, lastSize := returns(t, path, "last", 0)
	_, nextSize := returns(t, path, "next", 0)
	_, aloneSize := returns(t, path, "alone", 0)
	s := &Symbolizer{Release: "0.0.1", Dirs: []string{path}}
	defer s.Close()
	tests := []struct {
		name  string
		frame Frame
		want  string
	}{
		{"offset 0 after a call", Frame{Func: "next", Size: nextSize, Module: "mod"}, "consistent: last 0.c:7"},
		{"offset at the size", Frame{Func: "last", Offset: lastSize, Size: lastSize, Module: "mod"}, "consistent: last 0.c:7"},
		{"offset 0 of the first function", Frame{Func: "last", Size: lastSize, Module: "mod"}, "consistent: last 0.c:5"},
		{"padding", Frame{Func: "__pfx_padded", Offset: 4, Size: padding, Module: "mod"}, "contradicted: __pfx_padded"},
		{"offset 0 in the next section", Frame{Func: "alone", Size: aloneSize, Module: "mod"}, "consistent: cold 1.c:5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(s.Backtrace([]Frame{tt.frame}))[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBacktraceInterrupted has an address that no call returns to, and one after a
// call, below the entry of an interrupt.
func TestBacktraceInterrupted(t *testing.T) {
	entry := Frame{Func: "asm_common_interrupt", Offset: 0x26, Size: 0x40}
	s := &Symbolizer{Release: "0.0.1", Dirs: []string{helloModules + "/6.1-x86_64"}}
	defer s.Close()
	for off, comment := range map[uint64]string{0x5: "leak: first page", 0xa: "leak: second page"} {
		f := Frame{Func: "myfunc", Offset: off, Size: 0x1e, Module: "hello_kernel"}
		want := []string{"unresolved: ", fmt.Sprintf("consistent: myfunc hello.c:%d", helloLine(t, comment))}
		if diff := cmp.Diff(want, lines(s.Backtrace([]Frame{entry, f}))); diff != "" {
			t.Errorf("+%#x (-want +got):\n%s", off, diff)
		}
	}
}
