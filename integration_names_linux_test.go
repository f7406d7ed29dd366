// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

// loadAddresses loads the module that tells how the kernel names addresses.
func loadAddresses(t *testing.T, kernel string) (path string) {
	t.Helper()
	path = filepath.Join("testdata/modules/addresses", kernel, "addresses.ko")
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil {
		t.Fatalf("load %s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := unix.DeleteModule("addresses", 0); err != nil {
			t.Errorf("unload addresses: %v", err)
		}
	})
	return path
}

// TestIntegrationNames compares the names, offsets and sizes that the kernel gives
// to every address of modules with those that are expected from their files.
func TestIntegrationNames(t *testing.T) {
	kernel := need.Kernel(t, "")
	paths := map[string]string{"addresses": loadAddresses(t, kernel), "hello_kernel": loadHello(t, kernel).file()}
	now, err := new(kmemleak.Detector).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range now.Modules {
		path, ok := paths[m.Name]
		if !ok {
			continue
		}
		delete(paths, m.Name)
		t.Run(m.Name, func(t *testing.T) { checkNames(t, path, m) })
	}
	if len(paths) > 0 {
		t.Errorf("not loaded: %v", paths)
	}
}

// checkNames wants the address of every byte of a module's code, padding and the
// rest of its last page included, to have the expected name.
func checkNames(t *testing.T, path string, m kmemleak.Module) {
	f, err := kobj.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := m.Sections[".text"]
	base := text - f.Section(".text").RegionOffset
	if base%4096 != 0 {
		t.Errorf("the code starts at %#x, not on a page", base)
	}
	// The sections, in the order of memory.
	var code []*kobj.Section
	end := base
	for i := range f.Sections() {
		s := &f.Sections()[i]
		if s.Region != kobj.RegionCoreText || s.Size == 0 {
			continue
		}
		if strings.Contains(s.Name, "plt") || strings.Contains(s.Name, "trampoline") {
			continue // of arm64, behind the code: the kernel makes them, and sets their sizes
		}
		if got := m.Sections[s.Name]; got != base+s.RegionOffset {
			t.Errorf("%s is at %#x, want %#x", s.Name, got, base+s.RegionOffset)
		}
		code = append(code, s)
		end = max(end, base+s.RegionOffset+s.Size)
	}
	end = (end + 4095) &^ 4095
	for name, value := range map[string]uint64{"start": base, "end": end} {
		// The kernel takes unsigned numbers of its own size.
		if err := os.WriteFile("/sys/module/addresses/parameters/"+name, fmt.Append(nil, value), 0); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile("/proc/addresses")
	if err != nil {
		t.Fatal(err)
	}
	// named gives the symbol that an address belongs to.
	named := func(addr uint64) (kobj.Symbol, bool) {
		i := slices.IndexFunc(code, func(s *kobj.Section) bool { return base+s.RegionOffset > addr })
		if i < 0 {
			i = len(code)
		}
		if i == 0 {
			return kobj.Symbol{}, false
		}
		s := code[i-1]
		return f.SymbolAt(s, addr-base-s.RegionOffset)
	}
	n, wrong := 0, 0
	for line := range strings.Lines(string(b)) {
		var addr uint64
		var byS, byB string
		rest := strings.ReplaceAll(line, " ["+m.Name+"]", "["+m.Name+"]")
		if _, err := fmt.Sscanf(rest, "%x %s %s", &addr, &byS, &byB); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		n++
		for _, x := range []struct {
			verb, text string
			back       uint64
		}{{"%pS", byS, 0}, {"%pB", byB, 1}} {
			if addr-x.back < base {
				continue // of whatever is in front
			}
			sym, ok := named(addr - x.back)
			got, err := kmemleak.ParseFrame(strings.Replace(x.text, "[", " [", 1))
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if !ok {
				if got.Func != "" && wrong < 20 {
					wrong++
					t.Errorf("%#x: %s is %s, want no name", addr, x.verb, x.text)
				}
				continue
			}
			match := f.Sizes(sym).Match(got.Size)
			want := kmemleak.Frame{Func: sym.Name, Offset: addr - base - sym.Section.RegionOffset - sym.Offset, Module: m.Name}
			if (got.Func != want.Func || got.Offset != want.Offset || got.Module != want.Module || match > kobj.SizeRegion) && wrong < 20 {
				wrong++
				t.Errorf("%#x: %s is %s, want %s+%#x; the size is by rule %d of %+v", addr, x.verb, x.text, want.Func, want.Offset, match, f.Sizes(sym))
			}
		}
	}
	if n != int(end-base) {
		t.Errorf("%d addresses, want %d", n, end-base)
	}
	t.Logf("%d addresses from %#x, %d sections", n, base, len(code))
}

// TestIntegrationReturns compares the lines of return addresses with those that
// the code itself has noted beside them.
func TestIntegrationReturns(t *testing.T) {
	kernel := need.Kernel(t, "")
	path := loadAddresses(t, kernel)
	b, err := os.ReadFile("/proc/returns")
	if err != nil {
		t.Fatal(err)
	}
	s := &kmemleak.Symbolizer{Dirs: []string{path}}
	defer s.Close()
	n := 0
	seen := make(map[string]bool)
	for line := range strings.Lines(string(b)) {
		text, number, _ := strings.Cut(strings.Replace(line, " [", "[", 1), " ")
		f, err := kmemleak.ParseFrame(strings.Replace(text, "[", " [", 1))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		call := s.Backtrace([]kmemleak.Frame{f})[0]
		if call.Confidence < kmemleak.Consistent || len(call.Pos) == 0 || fmt.Sprintln(call.Pos[0].Line) != number {
			t.Errorf("%s is %v %v (%v), want line %s", text, call.Confidence, call.Pos, call.Err, number)
		}
		n++
		seen[text] = true
	}
	t.Logf("%d returns to %d addresses", n, len(seen))
	if len(seen) < 20 {
		t.Errorf("%d addresses only", len(seen))
	}
}
