// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"debug/elf"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// TestCallsInCode compares debugging information and code: where the compiler recorded a
// call, the code must not deny one, and both must name the same function.
func TestCallsInCode(t *testing.T) {
	seen := make(map[elf.Machine]int)
	err := filepath.WalkDir("../../testdata/modules", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if f, err := kobj.Open(path); err == nil {
			seen[f.Machine] += compareCalls(t, f)
			return f.Close()
		}
		return nil // a source file
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, machine := range []elf.Machine{elf.EM_X86_64, elf.EM_386} {
		if seen[machine] < 10 {
			t.Errorf("%d calls for %v", seen[machine], machine)
		}
	}
	t.Log(seen)
}

// compareCalls returns the number of calls that the compiler recorded in f.
func compareCalls(t *testing.T, f *kobj.File) int {
	t.Helper()
	d, err := dwarf.New(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n := 0
	for i := range f.Sections() {
		s := &f.Sections()[i]
		if !s.Executable() {
			continue
		}
		for off := uint64(0); off < s.Size; {
			fn, err := d.Function(s.Addr + off)
			off += 4
			if err != nil {
				continue
			}
			for _, r := range fn.Ranges {
				if r.Low < s.Addr+off && s.Addr+off < r.High {
					off = r.High - s.Addr
				}
			}
			for _, c := range fn.Calls {
				in, at := f.SectionAt(c.Return - 1)
				if in == nil || c.Tail {
					continue
				}
				n++
				switch code := f.CallBefore(in, at+1); {
				case code.Kind == kobj.CallNone:
					t.Errorf("%s: %s calls %q before %s+%#x, but the code does not", f.Name, fn.Name, c.Name, in.Name, at+1)
				case code.Kind == kobj.CallDirect && c.Name != "" && code.Callee != "" && kobj.Stem(code.Callee) != strings.TrimPrefix(c.Name, "__builtin_"):
					t.Errorf("%s: %s calls %q before %s+%#x, but %q by the code", f.Name, fn.Name, c.Name, in.Name, at+1, code.Callee)
				}
			}
		}
	}
	return n
}
