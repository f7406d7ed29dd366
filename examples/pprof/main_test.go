// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/pprof/profile"
)

func TestMakeProfile(t *testing.T) {
	const build = "6.12-x86_64"
	name := filepath.Join(t.TempDir(), "leaks.pb.gz")
	if err := makeProfile("../../testdata/reports/hello_kernel-"+build+".txt", "../../testdata/modules/hello_kernel/"+build, name); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	p, err := profile.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	var objects int64
	for _, s := range p.Sample {
		objects += s.Value[0]
	}
	if objects != 8 {
		t.Errorf("%d leaks, want 8", objects)
	}
}
