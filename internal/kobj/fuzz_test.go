// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
)

// FuzzNew changes bytes of real modules and uses everything that is still readable.
func FuzzNew(f *testing.F) {
	var modules [][]byte
	for _, path := range helloModules(f) {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		modules = append(modules, b)
	}
	modules = append(modules, layoutObject().bytes())
	f.Add(uint8(0), []byte{})
	f.Add(uint8(3), []byte{0, 0, 0, 60, 0xff, 0xff, 0, 0})
	f.Add(uint8(1), []byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		b := bytes.Clone(modules[int(which)%len(modules)])
		// Each edit is a place in three bytes and a value in one, repeated.
		for ; len(edits) >= 4; edits = edits[4:] {
			at := binary.BigEndian.Uint32(edits) >> 8
			b[int(at)%len(b)] = edits[3]
		}
		file, err := New(b, "fuzz")
		if err != nil {
			return
		}
		exercise(t, file)
	})
}

// FuzzBytes reads arbitrary bytes as a file.
func FuzzBytes(f *testing.F) {
	f.Add(layoutObject().bytes())
	f.Add(relocObject(x86Object(), 4, make([]byte, 32), stacked(3, 1)).bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if file, err := New(b, "fuzz"); err == nil {
			exercise(t, file)
		}
	})
}

// exercise calls every method. Results must stay within the file.
func exercise(t *testing.T, f *File) {
	f.BuildID()
	for _, name := range []string{"info", "line", "aranges", "str", "rnglists"} {
		d, err := f.Debug(name)
		if d == nil || err != nil {
			continue
		}
		n := uint64(len(d.Bytes()))
		for off := uint64(0); off < n; off += 1 + n/50 {
			for _, size := range []int{1, 2, 3, 4, 8} {
				if _, _, err := d.Uint(off, size); err != nil && off+uint64(size) <= n {
					t.Errorf("%s at %#x of %#x: %v", name, off, n, err)
				}
			}
			_, _, _, _ = d.ULEB128(off)
		}
	}
	for _, indexed := range []bool{false, true} {
		if indexed {
			f.symbols.lookups.Store(indexAfter)
		}
		for _, name := range []string{"myfunc", "hello_init", "greet.constprop.0", "f"} {
			syms, _ := f.Lookup(name)
			stems, _ := f.LookupStem(name)
			for _, s := range append(syms, stems...) {
				if s.Offset > s.Section.Size || !s.Section.Executable() {
					t.Errorf("symbol %+v outside of code", s)
				}
				if z := f.Sizes(s); z.Next != 0 && z.Match(z.Next) != SizeKernel {
					t.Errorf("%s: %+v does not match its own size", s.Name, z)
				}
				f.Before(s.Section, s.Offset)
				addr := s.Addr()
				jumps, _ := f.Jumps(addr, addr+s.Size, func(a uint64) bool { return addr <= a && a < addr+s.Size })
				for _, j := range jumps {
					if j.Addr-addr >= s.Size {
						t.Errorf("%s of %#x bytes: jump at %#x", s.Name, s.Size, j.Addr-addr)
					}
				}
				places, _ := f.AtResidue(s.Section.Region, s.Offset, 4096)
				for _, p := range places {
					if p.Offset > p.Section.Size {
						t.Errorf("%s+%#x is outside", p.Section.Name, p.Offset)
					}
				}
				for off := range uint64(40) {
					f.Boundary(s.Section, s.Offset, s.Offset+off)
					f.CallBefore(s.Section, s.Offset+off)
				}
			}
		}
		for i := range f.sections {
			s := &f.sections[i]
			if got, ok := f.SymbolAt(s, s.Size/2); ok && got.Name == "" {
				t.Error("symbol without a name")
			}
			if at, off := f.SectionAt(s.Addr); at != nil && off >= at.Size {
				t.Errorf("address %#x is %#x in a section of %#x", s.Addr, off, at.Size)
			}
		}
	}
}
