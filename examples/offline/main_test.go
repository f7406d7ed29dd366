// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak"
)

func TestRead(t *testing.T) {
	const report = "../../testdata/reports/hello_kernel-6.1-x86_64"
	snapshot := kmemleak.Snapshot{Release: "6.1"}
	modules, err := os.ReadFile(report + ".modules.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(modules, &snapshot.Modules); err != nil {
		t.Fatal(err)
	}
	noted, err := json.Marshal(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "modules.json")
	if err := os.WriteFile(file, noted, 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := read(&out, file, "../../testdata/modules/hello_kernel/6.1-x86_64", report+".txt"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"8 leaks, 12608 bytes in all, from 3 places",
		"1 leak, 4096 bytes: myfunc [hello_kernel] at /usr/src/kmemleak/hello_kernel/hello.c:31",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}
