// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

// answers looks up every address of a file.
func answers(f *kobj.File, d *Data) map[uint64]Location {
	m := make(map[uint64]Location)
	for _, s := range text(f) {
		for pc := s.Addr; pc < s.Addr+s.Size; pc++ {
			m[pc], _ = d.Lookup(pc)
		}
	}
	return m
}

// TestConcurrentUse looks up addresses from several goroutines, in different orders,
// while units are evicted.
func TestConcurrentUse(t *testing.T) {
	for _, name := range []string{"x86_64.ko", "clang-x86_64-dwarf5.ko", "split-gcc-dwarf5/queue.ko", "dwz5/one.elf", "riscv64-dwarf5.ko", "rust.ko"} {
		f, d := open(t, filepath.Join(modules, name))
		want := answers(f, d)
		_, d = open(t, filepath.Join(modules, name))
		d.cache.budget = 1
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					s := text(f)[rand.IntN(len(text(f)))]
					pc := s.Addr + rand.Uint64N(s.Size)
					got, _ := d.Lookup(pc)
					if diff := cmp.Diff(want[pc], got); diff != "" {
						t.Errorf("%s at %#x (-want +got):\n%s", name, pc, diff)
						return
					}
					_, _ = d.Function(pc)
					_, _ = d.CallSite(pc)
				}
			})
		}
		wg.Wait()
	}
}

// TestBudget reads all units of a file with room for one.
func TestBudget(t *testing.T) {
	f, d := open(t, filepath.Join(modules, "x86_64.ko"))
	d.cache.budget = 1
	answers(f, d)
	if n := len(d.cache.units); n != 1 {
		t.Errorf("%d units are kept, want the last one", n)
	}
	var sum int
	for u := d.cache.newest; u != nil; u = u.cached.older {
		sum += u.cached.size
	}
	if sum != d.cache.size || sum == 0 {
		t.Errorf("units of %d bytes, accounted for as %d", sum, d.cache.size)
	}
}

// TestNothingRefersToTheFile overwrites the file after a lookup.
func TestNothingRefersToTheFile(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(modules, "x86_64.ko"))
	if err != nil {
		t.Fatal(err)
	}
	other := bytes.Clone(b)
	f, err := kobj.New(b, "first")
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(f, alternates(f))
	if err != nil {
		t.Fatal(err)
	}
	got := answers(f, d)
	calls := functions(t, f, d)
	clear(b)
	f, err = kobj.New(other, "second")
	if err != nil {
		t.Fatal(err)
	}
	if d, err = New(f, alternates(f)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(answers(f, d), got); diff != "" {
		t.Errorf("answers changed with the file (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(functions(t, f, d), calls); diff != "" {
		t.Errorf("functions changed with the file (-want +got):\n%s", diff)
	}
}

// rewrite changes the relocations of debug sections in a module that refer to addresses
// in the section named target.
func rewrite(t *testing.T, file []byte, target string, change func(reloc []byte)) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || len(s.Name) < 11 || s.Name[:11] != ".rela.debug" || s.Name == ".rela.debug_truth" {
			continue
		}
		for off := s.Offset; off < s.Offset+s.Size; off += 24 {
			reloc := file[off : off+24]
			sym := symbols[binary.LittleEndian.Uint32(reloc[12:])-1]
			if int(sym.Section) < len(f.Sections) && f.Sections[sym.Section].Name == target {
				change(reloc)
				n++
			}
		}
	}
	if n == 0 {
		t.Fatalf("no relocations against %s", target)
	}
}

// TestDroppedRelocations marks the code of one section as dropped, or gives its
// relocations an unknown type. Then nothing is known about that section, and all other
// results stay the same.
func TestDroppedRelocations(t *testing.T) {
	for _, x := range []struct {
		name string
		typ  uint32
	}{{"none", uint32(elf.R_X86_64_NONE)}, {"unknown", 200}} {
		t.Run(x.name, func(t *testing.T) {
			name := filepath.Join(modules, "x86_64.ko")
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			rewrite(t, b, ".init.text", func(reloc []byte) {
				binary.LittleEndian.PutUint32(reloc[8:], x.typ)
				clear(reloc[16:])
			})
			f, err := kobj.New(b, x.name)
			if err != nil {
				t.Fatal(err)
			}
			d, err := New(f, alternates(f))
			if err != nil {
				t.Fatal(err)
			}
			_, like := open(t, name)
			for _, s := range text(f) {
				for pc := s.Addr; pc < s.Addr+s.Size; pc++ {
					want, _ := like.Lookup(pc)
					got, err := d.Lookup(pc)
					if s.Name == ".init.text" {
						if !errors.Is(err, ErrNotFound) {
							t.Fatalf("%s+%#x: %+v, %v", s.Name, pc-s.Addr, got, err)
						}
						continue
					}
					got.Err = nil
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("%s+%#x (-want +got):\n%s", s.Name, pc-s.Addr, diff)
					}
				}
			}
		})
	}
}

// TestTruncatedFile truncates a mapped file while it is in use, as a package update can
// do.
func TestTruncatedFile(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(modules, "x86_64.ko"))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "large.ko")
	// Small files are not mapped.
	if err := os.WriteFile(name, append(b, make([]byte, 4<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	f, d := open(t, name)
	if err := os.Truncate(name, 0); err != nil {
		need.Skip(t, "mapped files can be truncated only on some systems (try: on Linux): %v", err)
	}
	failed := 0
	for _, s := range text(f) {
		for pc := s.Addr; pc < s.Addr+s.Size; pc++ {
			if kobj.Guard(func() error { _, err := d.Lookup(pc); return err }) != nil {
				failed++
			}
			_ = kobj.Guard(func() error { _, err := d.Function(pc); return err })
			_ = kobj.Guard(func() error { _, err := d.CallSite(pc); return err })
		}
	}
	if failed == 0 {
		t.Error("every address was found in an empty file")
	}
}
