// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kmemleak/kmemleak/internal/vmexec/guest"
)

func TestPackUnpack(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"init": "i", "x.test": "t", "testdata/a/b.txt": "deep", "extra": "e"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := options{init: "init", files: list{"extra=/lib/extra.ko"}}
	if err := pack("archive", o, "x.test", guest.Config{Args: []string{"-test.v"}}); err != nil {
		t.Fatal(err)
	}
	archive, err := os.Open("archive")
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if err := unpack("out", archive); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"init": "i", "vmexec/test": "t", "vmexec/package/testdata/a/b.txt": "deep", "lib/extra.ko": "e",
		"vmexec/config.json": `{"Args":["-test.v"],"Env":null,"Debugfs":false,"Stay":false,"TestPort":"","FilePort":""}`,
	}
	err = filepath.WalkDir("out", func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, _ := filepath.Rel("out", p)
		got, err := os.ReadFile(p)
		if string(got) != want[name] {
			t.Errorf("%s holds %q, want %q", name, got, want[name])
		}
		delete(want, name)
		return err
	})
	if err != nil || len(want) > 0 {
		t.Errorf("missing: %q, %v", want, err)
	}
}

func TestPackErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, o := range []options{{init: "missing"}, {init: "archive", files: list{"nowhere"}}} {
		if err := pack("archive", o, "archive", guest.Config{}); err == nil {
			t.Errorf("pack(%+v) succeeded", o)
		}
	}
}
