// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"debug/elf"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// TestCallSites compares all call sites of the fixtures with the code in front of the
// return addresses.
func TestCallSites(t *testing.T) {
	for _, name := range fixtures(t, modules) {
		t.Run(strings.TrimPrefix(name, modules+"/"), func(t *testing.T) { testCallSites(t, name) })
	}
}

// TestBuiltCallSites does the same with fixtures that it builds.
func TestBuiltCallSites(t *testing.T) {
	dir := builtFixtures(t)
	for _, name := range fixtures(t, dir) {
		t.Run(strings.TrimPrefix(name, dir+"/"), func(t *testing.T) { testCallSites(t, name) })
	}
}

func testCallSites(t *testing.T, name string) {
	f, d := open(t, name)
	calls, tails := 0, 0
	for _, fn := range functions(t, f, d) {
		for _, site := range fn.Calls {
			calls++
			if site.Tail {
				tails++
			}
			if site.Callee != 0 {
				loc, err := d.Lookup(site.Callee)
				if err != nil || loc.Entry != site.Callee || loc.Frames[len(loc.Frames)-1].Name != site.Name {
					t.Errorf("%s calls %+v: but there is %+v, %v", fn.Name, site, loc, err)
				}
			}
			if site.Return == 0 {
				if site.Call == 0 {
					t.Errorf("%s: call site without an address: %+v", fn.Name, site)
				}
				continue
			}
			got, err := d.CallSite(site.Return)
			if diff := cmp.Diff(site, got); err != nil || diff != "" {
				t.Errorf("%s, call that returns to %#x: %v (-want +got):\n%s", fn.Name, site.Return, err, diff)
			}
			s, off := f.SectionAt(site.Return - 1)
			switch call := f.CallBefore(s, off+1); {
			case site.Tail || f.Linked(): // calls of undefined functions go nowhere
			case call.Kind == kobj.CallNone:
				t.Errorf("%s: no call returns to %s+%#x, but %+v", fn.Name, s.Name, off+1, site)
			case call.Kind == kobj.CallDirect && !site.Indirect && kobj.Stem(call.Callee) != site.Name && kobj.Stem(call.Callee) != site.LinkageName:
				t.Errorf("%s: code before %s+%#x calls %+v, but %+v", fn.Name, s.Name, off+1, call, site)
			}
		}
	}
	if strings.Contains(name, "rust") || strings.Contains(name, "dwarf3") {
		return // rustc records no call sites, and strict DWARF 3 has none
	}
	if calls < 8 || tails == 0 && f.Machine == elf.EM_X86_64 {
		t.Errorf("%d calls, %d of them tail calls", calls, tails)
	}
}

// functions returns all functions of a file.
func functions(t *testing.T, f *kobj.File, d *Data) []Function {
	t.Helper()
	var list []Function
	for _, s := range text(f) {
		for pc := s.Addr; pc < s.Addr+s.Size; {
			fn, err := d.Function(pc)
			if errors.Is(err, ErrNotFound) {
				pc++
				continue
			}
			if err != nil || fn.Err != nil {
				t.Fatalf("%s+%#x: %v, %v", s.Name, pc-s.Addr, err, fn.Err)
			}
			next := pc
			for _, r := range fn.Ranges {
				if r.Low <= pc && pc < r.High {
					next = r.High
				}
			}
			if next == pc {
				t.Fatalf("%s+%#x is not in %+v", s.Name, pc-s.Addr, fn)
			}
			pc = next
			list = append(list, fn)
		}
	}
	return list
}

// TestElidedCall finds the jump of the classic elided frame.
func TestElidedCall(t *testing.T) {
	f, d := open(t, filepath.Join(modules, "x86_64.ko"))
	var refill Function
	for _, fn := range functions(t, f, d) {
		if fn.Name == "refill" {
			refill = fn
		}
	}
	var got []CallSite
	for _, site := range refill.Calls {
		loc, err := d.Lookup(site.Return - 1)
		if err != nil {
			t.Fatal(err)
		}
		site.Return = uint64(loc.Frames[0].Line)
		got = append(got, site)
	}
	want := []CallSite{{Name: "queue_add", Return: 16}, {Name: "queue_add", Return: 17, Tail: true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls of refill, with lines in place of return addresses (-want +got):\n%s", diff)
	}
}
