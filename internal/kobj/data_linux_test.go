// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// TestLargeSections has a program whose code and debug section are large, and are read in
// copies of parts of them. What is found there is compared with the same file in memory,
// which is read in place.
func TestLargeSections(t *testing.T) {
	need.Tools(t, "gcc binutils", "gcc", "objcopy")
	dir := t.TempDir()
	source, bin, path := filepath.Join(dir, "large.c"), filepath.Join(dir, "large.bin"), filepath.Join(dir, "large")
	code := fmt.Sprintf(`
int callee(int a) { return a + 1; }
int direct(int a) { return callee(a) + callee(a + 2) * 3; }
int indirect(int (*f)(int), int (**g)(int)) { return f(1) + g[2](2) + g[4000](3); }
asm(".text; .skip %d, 0x90; behind: call callee; ret");
int last(int a) { return callee(a) - 1; }
`, apartFrom)
	if err := os.WriteFile(source, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("kmemleak"), apartFrom/8)
	if err := os.WriteFile(bin, large, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"gcc", "-O1", "-fno-inline", "-fno-toplevel-reorder", "-no-pie", "-nostdlib", "-Wl,-e0", "-o", path, source},
		{"objcopy", "--add-section", ".debug_large=" + bin, path},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inMemory, err := New(raw, path)
	if err != nil {
		t.Fatal(err)
	}

	d, err := f.Debug("large")
	if err != nil || d.Reader() == nil {
		t.Fatalf("no reader, %v", err)
	}
	got, err := io.ReadAll(io.NewSectionReader(d.Reader(), 0, int64(len(d.Bytes()))))
	if err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes that differ, %v", len(got), err)
	}
	if d, err := inMemory.Debug("large"); err != nil || d.Reader() != nil {
		t.Errorf("a reader of what is in memory, %v", err)
	}

	type found struct {
		Kind           CallKind
		Callee         string
		IsStart, Known bool
	}
	s, other := f.Section(".text"), inMemory.Section(".text")
	if p := f.codePart(s, nil, 0, 1); p.copy == nil {
		t.Error("the code is not copied")
	}
	calls := 0
	for off := uint64(0); off <= s.Size; off++ {
		if off == 256 {
			off = s.Size - 256
		}
		look := func(f *File, s *Section) (x found) {
			call := f.CallBefore(s, off)
			x.Kind, x.Callee = call.Kind, call.Callee
			x.IsStart, x.Known = f.Boundary(s, off&^31, off)
			return x
		}
		want := look(inMemory, other)
		if want.Kind == CallDirect {
			calls++
		}
		if diff := cmp.Diff(want, look(f, s)); diff != "" {
			t.Errorf("%#x (-want +got):\n%s", off, diff)
		}
	}
	if calls < 4 {
		t.Errorf("only %d calls", calls)
	}
}
