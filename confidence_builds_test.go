// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBuilds has all builds of a module in one folder, and the reports of each.
func TestBuilds(t *testing.T) {
	for _, build := range helloBuilds {
		leaks, modules := helloReport(t, build)
		for i := range modules {
			modules[i].BuildID = ""
		}
		right := &Symbolizer{Release: "0", Dirs: []string{filepath.Join(helloModules, build)}, Modules: modules}
		for _, mixed := range []*Symbolizer{
			{Release: "0", Dirs: []string{helloModules}, Modules: modules},
			{Release: "0", Dirs: []string{"testdata/modules"}, Modules: modules},
		} {
			for i, l := range leaks {
				if diff := cmp.Diff(ownCalls(right.Calls(l)), ownCalls(mixed.Calls(l))); diff != "" {
					t.Errorf("%s, leak %d in %s (-alone +mixed):\n%s", build, i, mixed.Dirs[0], diff)
				}
			}
			c := OwnerOf(mixed.Calls(leaks[0])).Call
			want := fmt.Sprintf("of %d builds of the module hello-kernel.ko fits best, not ", len(helloBuilds))
			if !strings.Contains(c.Reason, want) {
				t.Errorf("%s: reason %q, want %q", build, c.Reason, want)
			}
			mixed.Close()
		}
		right.Close()
	}
}

// TestBuildsEqual has builds that a backtrace fits equally.
func TestBuildsEqual(t *testing.T) {
	const id = "6.1-x86_64"
	good, err := os.ReadFile(filepath.Join(helloModules, id, "hello-kernel.ko"))
	if err != nil {
		t.Fatal(err)
	}
	buildID, err := hex.DecodeString(buildIDOf(t, filepath.Join(helloModules, id)))
	if err != nil {
		t.Fatal(err)
	}
	again := func(replace ...string) []byte {
		other := bytes.Clone(buildID)
		other[0] ^= 0xff
		b := bytes.Replace(good, buildID, other, 1)
		for i := 0; i < len(replace); i += 2 {
			b = bytes.ReplaceAll(b, []byte(replace[i]), []byte(replace[i+1]))
		}
		return b
	}
	for _, tt := range []struct {
		name   string
		other  []byte
		frames []string
		want   []string
	}{
		{"the same places", again(), []string{"myfunc+0xa/0x1e [hello_kernel]"}, []string{"printed consistent none 0"}},
		{"other places", again("hello.c\x00", "hullo.c\x00"), []string{"myfunc+0xa/0x1e [hello_kernel]"}, []string{"printed ambiguous ambiguous 1"}},
		{"other places, a function left by a jump", again("hello.c\x00", "hullo.c\x00"),
			[]string{"vmalloc+0x3c/0x50", "hello_init+0x17/0x1000 [hello_kernel]"},
			[]string{"printed unresolved no file 0", "elided ambiguous ambiguous 1", "printed ambiguous ambiguous 1"}},
		{"no such function in one", again("myfunc\x00", "mxfunc\x00"), []string{"myfunc+0xa/0x1e [hello_kernel]"}, []string{"printed consistent none 0"}},
		{"none fits", again(), []string{"myfunc+0xb/0x1e [hello_kernel]"}, []string{"printed contradicted no call ends there 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, b := range map[string][]byte{"a.ko": tt.other, "b.ko": good} {
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			s := &Symbolizer{Release: "0", Dirs: []string{dir}}
			defer s.Close()
			var bt []Frame
			for _, text := range tt.frames {
				f, err := ParseFrame(text)
				if err != nil {
					t.Fatal(err)
				}
				bt = append(bt, f)
			}
			for range 2 { // what is remembered changes nothing
				var got []string
				for _, c := range s.Backtrace(bt) {
					got = append(got, fmt.Sprint(c.Kind, " ", c.Confidence, " ", c.Problem, " ", len(c.Others)))
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}
