// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// TestOpenPrefers has the choice between builds of a module.
func TestOpenPrefers(t *testing.T) {
	dir := t.TempDir()
	for _, build := range []string{"6.1-i386", "6.1-x86_64", "6.12-x86_64"} {
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
	for _, build := range []string{"6.1-i386", "6.1-x86_64", "6.12-x86_64"} {
		s := &Symbolizer{Dirs: []string{dir}, Modules: []Module{{Name: "hello-kernel", BuildID: helloBuildID(t, build)}}}
		call := s.Backtrace([]Frame{{Func: "myfunc", Offset: 0xa, Module: "hello_kernel"}})[0]
		if want := filepath.Join(dir, build, "hello-kernel.ko.gz"); call.Object != want {
			t.Errorf("%s: answer from %s (%v)", build, call.Object, call.Err)
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

// TestEvict uses more modules than stay open, several at a time.
func TestEvict(t *testing.T) {
	dir := t.TempDir()
	good, err := os.ReadFile(helloModules + "/6.1-x86_64/hello-kernel.ko")
	if err != nil {
		t.Fatal(err)
	}
	s := &Symbolizer{Dirs: []string{dir}}
	name := func(i int) string { return "m" + string(rune('a'+i)) }
	const n = maxObjects + 8
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, name(i)+".ko"), good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for k := range 10 * n {
				f := Frame{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: name(k * 7 % n), Line: k}
				if _, err := s.Resolve(f); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for range 4 {
		<-done
	}
	if len(s.objects) > maxObjects {
		t.Errorf("%d files are open, want at most %d", len(s.objects), maxObjects)
	}
	if err := s.Close(); err != nil {
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
		t.Skip(err) // systems that lock files in use
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

// FuzzResolve changes bytes of real modules and resolves frames with what is left.
func FuzzResolve(f *testing.F) {
	var modules [][]byte
	for _, build := range []string{"6.1-i386", "6.1-x86_64", "6.12-x86_64"} {
		b, err := os.ReadFile(filepath.Join(helloModules, build, "hello-kernel.ko"))
		if err != nil {
			f.Fatal(err)
		}
		modules = append(modules, b)
	}
	f.Add(uint8(0), []byte{})
	f.Add(uint8(1), []byte{0, 0, 0, 60, 0xff, 0xff, 0, 0})
	f.Add(uint8(2), []byte("\x00\x00\x28\x07"))
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		b := bytes.Clone(modules[int(which)%len(modules)])
		// Each edit is a place in three bytes and a value in one.
		for ; len(edits) >= 4; edits = edits[4:] {
			b[int(binary.BigEndian.Uint32(edits)>>8)%len(b)] = edits[3]
		}
		file, err := kobj.New(b, "fuzz")
		if err != nil {
			return
		}
		d, err := dwarf.New(file, nil)
		if err != nil {
			return
		}
		o := &object{path: "fuzz", file: file, debug: d}
		o.once.Do(func() {})
		s := &Symbolizer{
			Release: "0.0.1",
			Modules: []Module{{Name: "hello_kernel", Sections: map[string]uint64{".init.text": 0x1000}}},
			objects: map[objectKey]*object{{module: "hello_kernel"}: o},
		}
		calls := s.Backtrace([]Frame{
			{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"},
			{Func: "greet.constprop.0", Offset: 0x19, Size: 0xfd6, Module: "hello_kernel"},
			{Func: "greet.isra.7", Offset: 0x19, Size: 0x60, Module: "hello_kernel"},
			{Func: "hello_exit", Size: 0x10, Module: "hello_kernel"},
			{Addr: 0x1017},
		})
		for _, c := range calls {
			if c.Confidence >= Assumed && len(c.Pos) == 0 || c.Confidence == Unresolved && c.Err == nil {
				t.Errorf("%+v", c)
			}
			for i, p := range c.Pos {
				if p.Inlined != (i < len(c.Pos)-1) {
					t.Errorf("%+v: place %d", c, i)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
