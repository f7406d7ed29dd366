// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// place copies files of a fixture to a new folder, under new names.
func place(t *testing.T, from string, names map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, to := range names {
		b, err := os.ReadFile(filepath.Join(modules, from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, to), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSplitFiles removes or swaps split files: lines stay, and so do the functions of
// the other unit.
func TestSplitFiles(t *testing.T) {
	for _, from := range []string{"split-gcc-dwarf5", "split-clang-14-dwarf5"} {
		for _, x := range []struct {
			name  string
			files map[string]string
			queue bool // queue.dwo is good
			err   string
		}{
			{"both", map[string]string{"queue.dwo": "queue.dwo", "main.dwo": "main.dwo"}, true, ""},
			{"none", nil, false, "queue.dwo"},
			{"mixed up", map[string]string{"main.dwo": "queue.dwo"}, false, "no unit with id"},
			{"another file", map[string]string{"queue.ko": "queue.dwo"}, false, "no unit with id"},
			{"one", map[string]string{"queue.dwo": "queue.dwo"}, true, "main.dwo"},
		} {
			t.Run(from+" "+x.name, func(t *testing.T) {
				files := map[string]string{"queue.ko": "queue.ko"}
				f, like := open(t, filepath.Join(modules, from, "queue.ko"))
				dir := place(t, from, files)
				for name, to := range x.files {
					other := place(t, from, map[string]string{name: to})
					if err := os.Rename(filepath.Join(other, to), filepath.Join(dir, to)); err != nil {
						t.Fatal(err)
					}
				}
				_, d := open(t, filepath.Join(dir, "queue.ko"))
				saw, errors := "", 0
				for pc, want := range answers(f, like) {
					if want.Frames == nil {
						continue
					}
					got, err := d.Lookup(pc)
					if err != nil {
						t.Fatalf("%#x: %v", pc, err)
					}
					if got.Err != nil {
						saw += got.Err.Error()
						errors++
						w := want.Frames[0]
						want = Location{Frames: []Frame{{File: w.File, Line: w.Line, Column: w.Column}}, Err: got.Err}
					}
					if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return a == b })); diff != "" {
						t.Fatalf("%#x (-want +got):\n%s", pc, diff)
					}
				}
				if x.queue && x.err != "" && (errors == 0 || errors == len(answers(f, like))) {
					t.Errorf("%d errors; want some for the unit whose file is missing", errors)
				}
				if x.err == "" && saw != "" || !strings.Contains(saw, x.err) {
					t.Errorf("error %q, want %q", saw, x.err)
				}
			})
		}
	}
}

// TestAlternateFile removes the file to which dwz moved names, or replaces it by
// another.
func TestAlternateFile(t *testing.T) {
	f, like := open(t, filepath.Join(modules, "dwz5", "one.elf"))
	for name, files := range map[string]map[string]string{
		"both":    {"one.elf": "one.elf", "common.debug": "common.debug"},
		"missing": {"one.elf": "one.elf"},
		"other":   {"one.elf": "one.elf", "../x86_64.ko": "common.debug"},
		"itself":  {"one.elf": "common.debug"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := place(t, "dwz5", files)
			main := "one.elf"
			if name == "itself" {
				main = "common.debug"
			}
			_, d := open(t, filepath.Join(dir, main))
			named, same := 0, 0
			for pc, want := range answers(f, like) {
				got, err := d.Lookup(pc)
				if want.Frames == nil {
					continue
				}
				if err != nil || got.Frames[0].Line != want.Frames[0].Line {
					t.Fatalf("%#x: %+v, %v; want %+v", pc, got, err, want)
				}
				named++
				if (got.Err != nil) != (name != "both") {
					t.Fatalf("%#x: error %v", pc, got.Err)
				}
				if cmp.Equal(want.Frames, got.Frames) {
					same++
				}
			}
			if (name == "both") != (named == same) {
				t.Errorf("%d answers, %d as they should be", named, same)
			}
		})
	}
}
