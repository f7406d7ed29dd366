// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

// everything is all that a file records about a byte of code.
type everything struct {
	Location Location
	Site     CallSite
	Function Function
	Symbol   string
	Call     kobj.CallKind
	Callee   string
}

func tellAll(f *kobj.File, d *Data) map[uint64]everything {
	m := make(map[uint64]everything)
	for pc, loc := range answers(f, d) {
		e := everything{Location: loc}
		e.Site, _ = d.CallSite(pc)
		e.Function, _ = d.Function(pc)
		s, off := f.SectionAt(pc)
		if sym, ok := f.SymbolAt(s, off); ok {
			e.Symbol = sym.Name
		}
		call := f.CallBefore(s, off)
		e.Call, e.Callee = call.Kind, call.Callee
		m[pc] = e
	}
	return m
}

// TestAttach splits files of all architectures. Both parts together must yield the same
// as the whole file, everywhere in the code.
func TestAttach(t *testing.T) {
	need.Tools(t, "elfutils", "eu-strip")
	for _, name := range fixtures(t, modules) {
		for _, how := range []string{"", "--reloc-debug-sections", "-g"} {
			if strings.Contains(name, "split-") {
				continue // its other files are beside the whole file
			}
			t.Run(strings.TrimPrefix(name, modules+"/")+" "+how, func(t *testing.T) {
				whole, d := open(t, name)
				want := tellAll(whole, d)
				dir := filepath.Dir(name) // of alternate files
				code, debug := filepath.Join(t.TempDir(), "code"), filepath.Join(t.TempDir(), "debug")
				args := append(strings.Fields(how), "-f", debug, "-o", code, name)
				if out, err := exec.Command("eu-strip", args...).CombinedOutput(); err != nil {
					t.Fatalf("eu-strip %v: %v\n%s", args, err, out)
				}
				f, err := kobj.Open(code)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				half, err := kobj.Open(debug)
				if err != nil {
					t.Fatal(err)
				}
				half.Name = filepath.Join(dir, "debug")
				if err := f.Attach(half); err != nil {
					t.Fatal(err)
				}
				d, err = New(f, alternates(f))
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				if diff := cmp.Diff(want, tellAll(f, d)); diff != "" {
					t.Errorf("(-whole +parts):\n%s", diff)
				}
			})
		}
	}
}
