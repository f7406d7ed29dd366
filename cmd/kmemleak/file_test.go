// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak/internal/need"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "kmemleak.prom")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, s)
			return err
		}
	}
	if err := writeFile(name, text("old")); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("no more")
	err := writeFile(name, func(w io.Writer) error {
		io.WriteString(w, "new")
		if got := readFileText(t, name); got != "old" {
			t.Errorf("%q is in the file while it is written anew", got)
		}
		return failure
	})
	if !errors.Is(err, failure) || readFileText(t, name) != "old" {
		t.Errorf("error %v, and in the file is %q", err, readFileText(t, name))
	}
	if err := writeFile(name, text("new")); err != nil || readFileText(t, name) != "new" {
		t.Errorf("error %v, and in the file is %q", err, readFileText(t, name))
	}
	if err := writeFile(filepath.Join(dir, "missing", "file"), text("new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v for a folder that is not there", err)
	}
	if runtime.GOOS != "windows" {
		// Renaming a file to it would replace the device.
		if err := writeFile(os.DevNull, text("new")); err != nil {
			t.Error(err)
		}
		// Node_exporter runs as another user.
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o044 == 0 {
			t.Errorf("mode %v, error %v", info.Mode(), err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{"kmemleak.prom"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// What is behind a link is replaced, and not the link: root would replace /dev/stdout.
func TestWriteFileLink(t *testing.T) {
	dir := t.TempDir()
	name, link := filepath.Join(dir, "folder", "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(filepath.Dir(name), 0o777), os.WriteFile(name, []byte("old"), 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(name, link); err != nil {
		need.Skip(t, "%v (try: a system with symbolic links)", err)
	}
	write := func(w io.Writer) error {
		_, err := io.WriteString(w, "new")
		return err
	}
	if err := errors.Join(checkFile("o", link), writeFile(link, write)); err != nil || readFileText(t, name) != "new" {
		t.Errorf("error %v, and in the file is %q", err, readFileText(t, name))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, error %v", info, err)
	}

	// What has been written to standard output stays, and so does what comes behind it.
	file, err := os.OpenFile(name, os.O_RDWR|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	defer func(f *os.File) { os.Stdout = f }(os.Stdout)
	os.Stdout = file
	_, err1 := io.WriteString(file, "before, ")
	err = errors.Join(err1, checkFile("o", link), writeFile(link, write))
	if _, err2 := io.WriteString(file, ", behind"); errors.Join(err, err2) != nil || readFileText(t, name) != "before, new, behind" {
		t.Errorf("error %v, and in standard output is %q", errors.Join(err, err2), readFileText(t, name))
	}
}

// What stands in the way of the new file is of somebody else, and stays.
func TestWriteFileInTheWay(t *testing.T) {
	dir := t.TempDir()
	name, part, theirs := filepath.Join(dir, "file"), filepath.Join(dir, fmt.Sprintf(".file.%d", os.Getpid())), filepath.Join(dir, "theirs")
	if err := errors.Join(os.WriteFile(name, nil, 0o600), os.WriteFile(theirs, []byte("theirs"), 0o666)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(theirs, part); err != nil {
		need.Skip(t, "%v (try: a system with symbolic links)", err)
	}
	err := writeFile(name, func(w io.Writer) error {
		_, err := io.WriteString(w, "new")
		return err
	})
	if got := readFileText(t, theirs); err != nil || got != "theirs" || readFileText(t, name) != "new" {
		t.Errorf("error %v, in the file of others is %q, in the new one %q", err, got, readFileText(t, name))
	}
	if info, err := os.Lstat(name); err != nil || info.Mode() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v, error %v", info.Mode(), err)
	}
}

// TestOutputFiles tries all flags that name a file to write, of all commands.
func TestOutputFiles(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "missing", "x")
	tried := make(map[string]bool)
	for _, c := range commands() {
		for _, f := range c.flags() {
			what, usage := flag.UnquoteUsage(f)
			if what != "file" || !strings.HasPrefix(usage, "write") {
				continue
			}
			args := []string{c.name, "-" + f.Name, missing}
			switch c.name {
			case "diff":
				args = append(args, report, report)
			case "refs":
				args = append(args, "0x1")
			}
			tried[c.name+" -"+f.Name] = true
			want := result{2, "", "kmemleak " + c.name + ": -" + f.Name + " " + missing + ": no such file or directory\n"}
			if runtime.GOOS == "windows" {
				want.Err = strings.Replace(want.Err, "no such file or directory", "The system cannot find the path specified.", 1)
			}
			if diff := cmp.Diff(want, runWith(t, "", args...)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", args, diff)
			}
			args[2] = dir
			want.Err = "kmemleak " + c.name + ": -" + f.Name + " " + dir + ": is a folder\n"
			if diff := cmp.Diff(want, runWith(t, "", args...)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", args, diff)
			}
		}
	}
	for _, name := range []string{"find -o", "scan -o", "report -o", "refs -o", "symbolize -o", "explain -o", "diff -o", "pprof -o", "watch -textfile"} {
		if !tried[name] {
			t.Errorf("%s was not tried", name)
		}
	}
	if err := checkFile("o", old); err != nil || readFileText(t, old) != "old" {
		t.Errorf("error %v, and %q in the file that was only tried", err, readFileText(t, old))
	}
	if err := checkFile("o", filepath.Join(dir, "new")); err != nil {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("error %v, files %v", err, entries)
	}
}
