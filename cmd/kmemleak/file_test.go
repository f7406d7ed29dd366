// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
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
