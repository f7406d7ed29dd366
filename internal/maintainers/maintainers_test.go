// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package maintainers

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

const text = `List of maintainers
===================

	M: *Mail* patches to: FullName <address@domain>
	F: *Files*

# A comment
3C-ONE DRIVER
M:	"Ann B. Sure" <ann@example.org>
M:	Bert <bert@example.org>, Carl <carl@example.org>
R:	Dora <dora@example.org> (probing, removal)
L:	one@example.org (moderated for non-subscribers)
L:	closed@example.org (subscribers-only)
S:	Maintained
K:	one_probe
F:	drivers/one/
X:	drivers/one/old/
N:	[^a-z] uno  # as in Perl's /x

NETWORKING
M:	Nora <nora@example.org>
L:	net@example.org
S:	Odd Fixes
F:	drivers/o*/*
F:	net/[ab]?.c

BROKEN
S:	Orphan
F:	drivers/(
N:	(?<=x)y

THE REST
M:	Linus <linus@example.org>
L:	all@example.org
S:	Buried alive in reporters
F:	*
F:	*/
`

func read(t testing.TB, text string) *File {
	t.Helper()
	f, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func names(sections []*Section) (names []string) {
	for _, s := range sections {
		names = append(names, s.Name)
	}
	return names
}

func TestRead(t *testing.T) {
	f := read(t, text)
	one := f.Sections[0]
	one.patterns = nil
	want := Section{
		Name: "3C-ONE DRIVER", Status: "Maintained",
		Maintainers: []string{`"Ann B. Sure" <ann@example.org>`, "Bert <bert@example.org>", "Carl <carl@example.org>"},
		Reviewers:   []string{"Dora <dora@example.org>"},
		Lists:       []string{"one@example.org"},
	}
	if diff := cmp.Diff(want, one, cmp.AllowUnexported(Section{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"F: drivers/(", "N: (?<=x)y"}, f.Unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
	for name, text := range map[string]string{"nothing": "", "prose": "Hello\n\nM: a@b\n", "a long line": "F:\t" + strings.Repeat("x", 2*maxLine)} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOf(t *testing.T) {
	f := read(t, text)
	for path, want := range map[string][]string{
		"drivers/one/probe.c":     {"NETWORKING", "3C-ONE DRIVER", "THE REST"},
		"drivers/one/sub/probe.c": {"3C-ONE DRIVER", "THE REST"},
		"drivers/one/old/probe.c": {"THE REST"},
		"drivers/only/x.c":        {"NETWORKING", "THE REST"},
		"net/ab.c":                {"NETWORKING", "THE REST"},
		"net/cb.c":                {"THE REST"},
		"net/abc.c":               {"THE REST"},
		"lib/uno.c":               {"3C-ONE DRIVER", "THE REST"},
		"lib/none.c":              {"THE REST"},
		"Makefile":                {"THE REST"},
		"":                        {"THE REST"},
	} {
		if diff := cmp.Diff(want, names(f.Of(path))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", path, diff)
		}
	}
}

// tree returns the source of a kernel that was unpacked to build a test kernel.
func tree(t testing.TB, glob string) string {
	t.Helper()
	cache := os.Getenv("KMEMLEAK_CACHE")
	if cache == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		cache = filepath.Join(dir, "kmemleak")
	}
	found, _ := filepath.Glob(filepath.Join(cache, "kernels", glob, "MAINTAINERS"))
	if len(found) == 0 {
		need.Skip(t, "the source of a kernel is missing: %s in %s (try: make integration)", glob, cache)
	}
	return filepath.Dir(found[len(found)-1])
}

// TestScript compares with the kernel's own script for files from all over a tree.
func TestScript(t *testing.T) {
	need.Tools(t, "perl", "perl")
	dir := tree(t, "linux-source-6.12_*")
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Unknown) > 0 {
		t.Errorf("not understood: %q", f.Unknown)
	}
	const every = 5999
	var paths []string
	n := 0
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if n++; d.Type().IsRegular() && n%every == 0 && filepath.Ext(path) != ".yaml" { // whose content the script reads
			rel, _ := filepath.Rel(dir, path)
			paths = append(paths, rel)
		}
		return nil
	})
	for _, path := range paths {
		cmd := exec.Command("perl", "scripts/get_maintainer.pl", "--nogit", "--nogit-fallback", "--norolestats", "--subsystem", "--nomailmap", "--nokeywords", "--noremove-duplicates", "-f", path)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		want := strings.Split(strings.TrimSpace(string(out)), "\n")
		var got, lists []string
		sections := f.Of(path)
		for _, s := range sections {
			if !s.Rest() {
				got = append(got, s.Maintainers...)
				got = append(got, s.Reviewers...)
			}
			lists = append(lists, s.Lists...)
		}
		got = append(append(got, lists...), names(sections)...)
		for _, list := range []*[]string{&want, &got} {
			for i, s := range *list {
				if _, address, ok := strings.Cut(s, "<"); ok {
					s = strings.TrimSuffix(address, ">") // the script quotes names in its own way
				}
				(*list)[i] = strings.ToLower(s)
			}
			slices.Sort(*list) // it leaves open how equally near sections are sorted
			*list = slices.Compact(*list)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	t.Logf("%d files, %d sections", len(paths), len(f.Sections))
}

func FuzzRead(f *testing.F) {
	f.Add(text, "drivers/one/probe.c")
	f.Add("F:\t**\nX:\t?*/[a-\n", "a/b")
	f.Add("M:\t\"a, b\" <c@d>, e@f\nN:\t[ #]#\nF:\ta|b+{2}\n", "ab")
	f.Fuzz(func(t *testing.T, text, path string) {
		got, err := Read(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range got.Of(path) {
			for _, line := range slices.Concat([]string{s.Name, s.Status}, s.Maintainers, s.Reviewers, s.Lists) {
				if line != visible(line) {
					t.Errorf("not fit for a mail: %q", line)
				}
			}
		}
	})
}
