// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

const helloModules = "testdata/modules/hello_kernel"

// helloLine gives the number of the line of hello.c that has a comment.
func helloLine(t *testing.T, comment string) int {
	t.Helper()
	source, err := os.ReadFile(helloModules + "/hello.c")
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := bytes.Cut(source, []byte("/* "+comment+" */"))
	if !ok {
		t.Fatalf("hello.c has no comment %q", comment)
	}
	return bytes.Count(before, []byte("\n")) + 1
}

func helloBuildID(t *testing.T, build string) string {
	t.Helper()
	f, err := kobj.Open(filepath.Join(helloModules, build, "hello-kernel.ko"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.BuildID()
}

// brief gives positions in a form that is easy to compare: function, base name of
// the file and line; of headers, which are not ours, without line.
func brief(pos []Pos) string {
	var parts []string
	for _, p := range pos {
		switch {
		case p.File == "":
			parts = append(parts, p.Func)
		case strings.HasSuffix(p.File, ".h"):
			parts = append(parts, p.Func+" "+path.Base(p.File))
		default:
			parts = append(parts, fmt.Sprintf("%s %s:%d", p.Func, path.Base(p.File), p.Line))
		}
	}
	return strings.Join(parts, " < ")
}

func TestResolve(t *testing.T) {
	page1 := helloLine(t, "leak: first page")
	page2 := helloLine(t, "leak: second page")
	page3 := helloLine(t, "leak: third page, a tail call")
	callMyfunc := helloLine(t, "call: myfunc")
	greet := func(kmalloc string) string {
		return fmt.Sprintf("%s slab.h < greeting_alloc hello.c:%d < greeting_new hello.c:%d < greet hello.c:%d", kmalloc,
			helloLine(t, "leak: greeting"), helloLine(t, "call: greeting_alloc"), helloLine(t, "call: greeting_new"))
	}
	tests := []struct {
		name       string
		build      string
		frame      Frame
		modules    []Module
		want       string
		confidence Confidence
		err        string
	}{
		{
			name: "return address", build: "6.1-x86_64",
			frame: Frame{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"},
			want:  fmt.Sprintf("myfunc hello.c:%d", page1), confidence: Consistent,
		},
		{
			name: "size across sections", build: "6.12-x86_64",
			frame: Frame{Func: "myfunc", Offset: 0x14, Size: 0x20, Module: "hello_kernel"},
			want:  fmt.Sprintf("myfunc hello.c:%d", page2), confidence: Consistent,
		},
		{
			name: "32 bit, return address at the end", build: "6.1-i386",
			frame: Frame{Func: "myfunc", Offset: 0x21, Size: 0x23, Module: "hello_kernel"},
			want:  fmt.Sprintf("myfunc hello.c:%d", page3), confidence: Consistent,
		},
		{
			name: "inlined, size to the end of the region", build: "6.1-x86_64",
			frame: Frame{Func: "greet.constprop.0", Offset: 0x19, Size: 0xfd6, Module: "hello_kernel"},
			want:  greet("kmalloc"), confidence: Consistent,
		},
		{
			name: "inlined, size to the next symbol", build: "6.12-x86_64",
			frame: Frame{Func: "greet.constprop.0", Offset: 0x19, Size: 0x60, Module: "hello_kernel"},
			want:  greet("kmalloc_noprof"), confidence: Consistent,
		},
		{
			name: "inlined, 32 bit", build: "6.1-i386",
			frame: Frame{Func: "greet.constprop.0", Offset: 0x1b, Size: 0xfcd, Module: "hello_kernel"},
			want:  greet("kmalloc"), confidence: Consistent,
		},
		{
			name: "init section alone in its region", build: "6.12-x86_64",
			frame: Frame{Func: "hello_init", Offset: 0x17, Size: 0x1000, Module: "hello_kernel"},
			want:  fmt.Sprintf("hello_init hello.c:%d", callMyfunc), confidence: Consistent,
		},
		{
			name: "alias", build: "6.12-x86_64",
			frame: Frame{Func: "init_module", Offset: 0x17, Size: 0x1000, Module: "hello_kernel"},
			want:  fmt.Sprintf("hello_init hello.c:%d", callMyfunc), confidence: Consistent,
		},
		{
			name: "suffix of another build", build: "6.1-x86_64",
			frame: Frame{Func: "greet.constprop.17", Offset: 0x19, Size: 0xfd6, Module: "hello_kernel"},
			want:  greet("kmalloc"), confidence: Assumed,
		},
		{
			name: "size of another build", build: "6.1-x86_64",
			frame: Frame{Func: "myfunc", Offset: 0xa, Size: 0x6d, Module: "hello_kernel"},
			want:  fmt.Sprintf("myfunc hello.c:%d", page1), confidence: Assumed,
		},
		{
			name: "no size", build: "6.1-x86_64",
			frame: Frame{Func: "myfunc", Offset: 0xa, Module: "hello_kernel"},
			want:  fmt.Sprintf("myfunc hello.c:%d", page1), confidence: Assumed,
		},
		{
			name: "name alone", build: "6.1-x86_64",
			frame: Frame{Func: "myfunc", Module: "hello_kernel"},
			want:  "myfunc hello.c:0", confidence: Assumed,
		},
		{
			name: "not after a call", build: "6.1-x86_64",
			frame: Frame{Func: "myfunc", Offset: 0xb, Size: 0x1e, Module: "hello_kernel"},
			want:  fmt.Sprintf("myfunc hello.c:%d", page2), confidence: Contradicted,
			err: "myfunc+0xb/0x1e [hello_kernel]: contradicted: in testdata/modules/hello_kernel/6.1-x86_64/hello-kernel.ko no call ends there",
		},
		{
			name: "offset beyond the function", build: "6.1-x86_64",
			frame: Frame{Func: "myfunc", Offset: 0x3a, Size: 0x5e, Module: "hello_kernel"},
			want:  "myfunc", confidence: Contradicted,
			err: "the function has 0x1e bytes only",
		},
		{
			name: "offset beyond the size", build: "6.1-x86_64",
			frame: Frame{Func: "myfunc", Offset: 0xa, Size: 0x9, Module: "hello_kernel"},
			want:  fmt.Sprintf("myfunc hello.c:%d", page1), confidence: Contradicted,
			err: "the offset is beyond the size",
		},
		{
			name: "build ID of another build", build: "6.1-x86_64",
			frame: Frame{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel", BuildID: "0123456789012345678901234567890123456789"},
			want:  fmt.Sprintf("myfunc hello.c:%d", page1), confidence: Contradicted,
			err: "build ID 0123456789012345678901234567890123456789, but",
		},
		{
			name: "build ID of this build", build: "6.1-x86_64",
			frame: Frame{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel", BuildID: helloBuildID(t, "6.1-x86_64")},
			want:  fmt.Sprintf("myfunc hello.c:%d", page1), confidence: Proved,
		},
		{
			name: "no such function", build: "6.1-x86_64",
			frame: Frame{Func: "yourfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"},
			err:   "no such function",
		},
		{
			name: "bare address in freed memory", build: "6.12-x86_64",
			frame:   Frame{Addr: 0xffffffffc03d4017},
			modules: []Module{{Name: "hello_kernel", Sections: map[string]uint64{".text": 0xffffffffc03cf000, ".init.text": 0xffffffffc03d4000}}},
			want:    fmt.Sprintf("hello_init hello.c:%d", callMyfunc), confidence: Consistent,
		},
		{
			name: "bare address not after a call", build: "6.12-x86_64",
			frame:   Frame{Addr: 0xffffffffc03d4018},
			modules: []Module{{Name: "hello_kernel", Sections: map[string]uint64{".init.text": 0xffffffffc03d4000}}},
			want:    fmt.Sprintf("hello_init hello.c:%d", helloLine(t, "call: greet")), confidence: Contradicted,
			err: "no call ends there",
		},
		{
			name: "bare address, nothing known", build: "6.12-x86_64",
			frame: Frame{Addr: 0xffffffffc03d4017},
			err:   "it is not known where modules lay in memory",
		},
		{
			name: "bare address elsewhere", build: "6.12-x86_64",
			frame:   Frame{Addr: 0xffffffffc03d5017},
			modules: []Module{{Name: "hello_kernel", Sections: map[string]uint64{".init.text": 0xffffffffc03d4000}}},
			err:     "in none of the 1 known modules",
		},
		{
			name: "decoded before", build: "6.12-x86_64",
			frame: Frame{Func: "inner", File: "a/b.c", Line: 7, Inlined: true},
			want:  "inner b.c:7", confidence: Assumed,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Symbolizer{Dirs: []string{filepath.Join(helloModules, tt.build)}, Modules: tt.modules}
			defer s.Close()
			call := s.Backtrace([]Frame{tt.frame})[0]
			if diff := cmp.Diff(tt.want, brief(call.Pos)); diff != "" {
				t.Errorf("position (-want +got):\n%s", diff)
			}
			if call.Confidence != tt.confidence {
				t.Errorf("confidence %v, want %v (%v)", call.Confidence, tt.confidence, call.Err)
			}
			pos, err := s.Resolve(tt.frame)
			if diff := cmp.Diff(call.Pos, pos); diff != "" {
				t.Errorf("Resolve against Backtrace (-Backtrace +Resolve):\n%s", diff)
			}
			if text := fmt.Sprint(err); tt.err == "" && err != nil || !strings.Contains(text, tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestResolveNoFile(t *testing.T) {
	s := &Symbolizer{Release: "0.0.1", Dirs: []string{t.TempDir()}}
	defer s.Close()
	_, err := s.Resolve(Frame{Func: "f", Offset: 1, Size: 2, Module: "no_module"})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
	for _, place := range []string{s.Dirs[0], "/lib/modules/0.0.1"} {
		if !strings.Contains(fmt.Sprint(err), place) {
			t.Errorf("error %v does not name %s", err, place)
		}
	}
}

func TestSymbolizerClose(t *testing.T) {
	s := &Symbolizer{Dirs: []string{helloModules + "/6.1-x86_64"}}
	f := Frame{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 100 {
				f := f
				f.Line = i // not what is cached
				if pos, err := s.Resolve(f); err != nil && !errors.Is(err, fs.ErrClosed) || err == nil && len(pos) != 1 {
					t.Errorf("got %v, %v", pos, err)
				}
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	f.Line = -1
	if _, err := s.Resolve(f); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("error %v after Close, want fs.ErrClosed", err)
	}
}

// TestOpenPrefers has the choice between builds of a module.
func TestOpenPrefers(t *testing.T) {
	dir := t.TempDir()
	for _, build := range []string{"6.1-i386", "6.1-x86_64", "6.12-x86_64", "6.12-arm64", "7.3-x86_64"} {
		b, err := os.ReadFile(filepath.Join(helloModules, build, "hello-kernel.ko"))
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.Create(filepath.Join(dir, build+".gz"))
		if err != nil {
			t.Fatal(err)
		}
		w := gzip.NewWriter(out)
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		sub := filepath.Join(dir, build)
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(out.Name(), filepath.Join(sub, "hello-kernel.ko.gz")); err != nil {
			t.Fatal(err)
		}
	}
	for _, build := range []string{"6.1-i386", "6.1-x86_64", "6.12-x86_64", "6.12-arm64", "7.3-x86_64"} {
		s := &Symbolizer{Dirs: []string{dir}, Modules: []Module{{Name: "hello-kernel", BuildID: helloBuildID(t, build)}}}
		call := s.Backtrace([]Frame{{Func: "myfunc", Offset: 0xa, Module: "hello_kernel"}})[0]
		if want := filepath.Join(dir, build, "hello-kernel.ko.gz"); call.ObjectFile != want {
			t.Errorf("%s: answer from %s (%v)", build, call.ObjectFile, call.Err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenDamaged(t *testing.T) {
	dir := t.TempDir()
	module := filepath.Join(dir, "hello-kernel.ko")
	good, err := os.ReadFile(helloModules + "/6.1-x86_64/hello-kernel.ko")
	if err != nil {
		t.Fatal(err)
	}
	f := Frame{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"}
	s := &Symbolizer{Dirs: []string{dir}}
	defer s.Close()
	for _, bad := range [][]byte{nil, []byte("#!/bin/sh\n"), good[:len(good)/2], {0x1f, 0x8b, 8, 0, 1, 2, 3}} {
		if err := os.WriteFile(module, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if pos, err := s.Resolve(f); err == nil || pos != nil {
			t.Errorf("%d bytes: got %v, %v", len(bad), pos, err)
		}
	}
	// What failed is tried again.
	if err := os.WriteFile(module, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(f); err != nil {
		t.Error(err)
	}
}

// TestTruncatedInUse cuts a file off that is mapped, which is an error and
// nothing worse, and then puts it back.
func TestTruncatedInUse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "hello-kernel.ko")
	good, err := os.ReadFile(helloModules + "/6.1-x86_64/hello-kernel.ko")
	if err != nil {
		t.Fatal(err)
	}
	// Large enough to be mapped.
	good = append(good, make([]byte, 2<<20)...)
	if err := os.WriteFile(path, good, 0o644); err != nil {
		t.Fatal(err)
	}
	s := &Symbolizer{Release: "0.0.1", Dirs: []string{dir}}
	defer s.Close()
	first := Frame{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"}
	second := Frame{Func: "greet.constprop.0", Offset: 0x19, Size: 0xfd6, Module: "hello_kernel"}
	if _, err := s.Resolve(first); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		need.Skip(t, "files in use can be truncated only on systems that do not lock them (try: on Linux): %v", err)
	}
	if _, err := s.Resolve(second); err == nil {
		t.Error("no error for a file without contents")
	}
	if pos, err := s.Resolve(first); err != nil || len(pos) != 1 {
		t.Errorf("what was known is no longer: %v, %v", pos, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, good, 0o644); err != nil {
		t.Fatal(err)
	}
	if pos, err := s.Resolve(second); err != nil || len(pos) != 4 {
		t.Errorf("after the file came back: %v, %v", pos, err)
	}
}

// TestResolveAgain measures the promise that a frame that was resolved before
// costs nothing but its result.
func TestResolveAgain(t *testing.T) {
	s := &Symbolizer{Dirs: []string{helloModules + "/6.1-x86_64"}}
	defer s.Close()
	f := Frame{Func: "greet.constprop.0", Offset: 0x19, Size: 0xfd6, Module: "hello_kernel"}
	if _, err := s.Resolve(f); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = s.Resolve(f) }); n > 1 {
		t.Errorf("%v allocations, want that of the result alone", n)
	}
}

func BenchmarkResolveAgain(b *testing.B) {
	s := &Symbolizer{Dirs: []string{helloModules + "/6.1-x86_64"}}
	defer s.Close()
	f := Frame{Func: "greet.constprop.0", Offset: 0x19, Size: 0xfd6, Module: "hello_kernel"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Resolve(f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkResolveCold(b *testing.B) {
	f := Frame{Func: "greet.constprop.0", Offset: 0x19, Size: 0xfd6, Module: "hello_kernel"}
	b.ReportAllocs()
	for b.Loop() {
		s := &Symbolizer{Dirs: []string{helloModules + "/6.1-x86_64"}}
		if _, err := s.Resolve(f); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
