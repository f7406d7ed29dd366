// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestForeign has files of other machines and other releases, whose frames fit all the
// same.
func TestForeign(t *testing.T) {
	versioned := t.TempDir()
	b, err := os.ReadFile(filepath.Join(helloModules, "6.1-x86_64/hello-kernel.ko"))
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("192 SMP mod_unload \x00"), []byte("192 x modversions  \x00"), 1)
	if err := os.WriteFile(filepath.Join(versioned, "hello-kernel.ko"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	x86, i386 := filepath.Join(helloModules, "6.1-x86_64"), filepath.Join(helloModules, "6.1-i386")
	const (
		named   = "myfunc+0xa/0x1e [hello_kernel]"
		named32 = "myfunc+0xd/0x23 [hello_kernel]"
		machine = "contradicted: FILE is of a machine with %s-bit addresses (%s), the report is of one with %s: give the file of that build with -dir"
	)
	for _, tt := range []struct {
		name, dir, release string
		frames             string
		object             uint64
		modules            []Module
		want               string
	}{
		{"the right release", x86, "6.1.192", named, 0, nil, "consistent none"},
		{"no release", x86, "0", named, 0, nil, "consistent none"},
		{"another release", x86, "6.12.117", named, 0, nil,
			"contradicted other build contradicted: FILE is of 6.1.192 (vermagic), the report is of 6.12.117: give the file of that build with -dir"},
		{"another release, and the build ID is right", x86, "6.12.117", named, 0, []Module{{Name: "hello_kernel", BuildID: buildIDOf(t, x86)}}, "proved none"},
		{"another release, which may be loaded", versioned, "6.12.117", named, 0, nil,
			"ambiguous other build contradicted: FILE is of 6.1.192 (vermagic), the report is of 6.12.117: give the file of that build with -dir"},
		{"a 64-bit object, a 32-bit file", i386, "0", named32, 0xffffa32080025000, nil, "contradicted other build " + fmt.Sprintf(machine, "32", "386", "64")},
		{"a 64-bit frame", i386, "0", named32 + ",0xffffffffc03b1011", 0, nil, "contradicted other build " + fmt.Sprintf(machine, "32", "386", "64")},
		{"64-bit modules", i386, "0", named32, 0, []Module{{Name: "x", Sections: map[string]uint64{".text": 0xffffffffc03b1000}}},
			"contradicted other build " + fmt.Sprintf(machine, "32", "386", "64")},
		{"a 32-bit object, a 64-bit file", x86, "0", named, 0xe0804000, nil, "contradicted other build " + fmt.Sprintf(machine, "64", "X86_64", "32")},
		{"a 32-bit object and file", i386, "0", named32, 0xe0804000, nil, "consistent none"},
		{"an offset in per-CPU memory", x86, "0", named, 0x1a000, nil, "consistent none"},
		{"a hashed address", x86, "0", "[<00000000c03b1011>] " + named, 0, nil, "consistent none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Symbolizer{Release: tt.release, Dirs: []string{tt.dir}, Modules: tt.modules}
			defer s.Close()
			l := Leak{Addr: tt.object}
			for text := range strings.SplitSeq(tt.frames, ",") {
				f, err := ParseFrame(text)
				if err != nil {
					t.Fatal(err)
				}
				l.Backtrace = append(l.Backtrace, f)
			}
			c := s.Calls(l)[0]
			got := fmt.Sprint(c.Confidence, " ", c.Problem)
			if c.Err != nil {
				_, text, _ := strings.Cut(c.Err.Error(), "]: ")
				got += " " + strings.ReplaceAll(text, filepath.Join(tt.dir, "hello-kernel.ko"), "FILE")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// buildIDOf returns the build ID of the module in a folder.
func buildIDOf(t *testing.T, dir string) string {
	t.Helper()
	s := &Symbolizer{Release: "0", Dirs: []string{dir}}
	defer s.Close()
	return s.Backtrace([]Frame{{Func: "myfunc", Module: "hello_kernel"}})[0].BuildID
}
