// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// unreliable fails to read every third time, as where a file was cut off.
type unreliable struct {
	io.ReaderAt
	n *int
}

func (r unreliable) ReadAt(p []byte, off int64) (int, error) {
	if *r.n++; *r.n%3 == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return r.ReaderAt.ReadAt(p, off)
}

// TestPart compares the results for all addresses of linked files whose sections are
// copied in parts, as those of a large file are, with the results of reading in place.
func TestPart(t *testing.T) {
	need.Tools(t, "gcc binutils", "gcc", "ld")
	dir := t.TempDir()
	source := filepath.Join(dir, "calls.c")
	if err := os.WriteFile(source, []byte(callsSource()), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"dwarf5":        {"gcc", "-O2", "-gdwarf-5", "-no-pie", source},
		"dwarf4":        {"gcc", "-O2", "-gdwarf-4", "-no-pie", source},
		"module x86_64": {"ld", "--unresolved-symbols=ignore-all", "-e", "0", filepath.Join(modules, "x86_64.ko")},
		"module clang":  {"ld", "--unresolved-symbols=ignore-all", "-e", "0", filepath.Join(modules, "clang-x86_64-dwarf5.ko")},
		"module rust":   {"ld", "--unresolved-symbols=ignore-all", "-e", "0", filepath.Join(modules, "rust.ko")},
		"module i386":   {"ld", "--unresolved-symbols=ignore-all", "-e", "0", filepath.Join(modules, "i386.ko"), "-m", "elf_i386"},
	} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Join(dir, "program")
			if out, err := exec.Command(args[0], append(args[1:], "-o", program)...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", args[0], err, out)
			}
			f, want := open(t, program)
			reads := 0
			for _, failing := range []bool{false, true} {
				_, got := open(t, program)
				for i := range got.main.sections {
					s := got.main.section(i)
					if s.file = bytes.NewReader(s.b); failing {
						s.file = unreliable{s.file, &reads}
					}
				}
				for _, s := range text(f) {
					for pc := s.Addr; pc < s.Addr+s.Size; pc++ {
						w, wantErr := want.Lookup(pc)
						g, err := got.Lookup(pc)
						if diff := cmp.Diff([]any{w, wantErr == nil}, []any{g, err == nil}); diff != "" {
							t.Fatalf("%#x, failing: %v (-want +got):\n%s", pc, failing, diff)
						}
					}
				}
			}
			if reads < 100 {
				t.Errorf("only %d reads", reads)
			}
		})
	}
}
