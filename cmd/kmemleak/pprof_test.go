// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

func TestPprof(t *testing.T) {
	text := readFileText(t, report)
	for _, args := range [][]string{{"pprof"}, {"symbolize", "-format", "pprof"}} {
		name := filepath.Join(t.TempDir(), "leaks.pb.gz")
		got := runWith(t, text, append(args, "-o", name, "-release", "0", "-dir", helloDir, "-snapshot", modules)...)
		if diff := cmp.Diff(result{Status: 1}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", args, diff)
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
		sums := make(map[string]int64)
		for i, kind := range p.SampleType {
			for _, sample := range p.Sample {
				sums[kind.Type] += sample.Value[i]
			}
		}
		if diff := cmp.Diff(map[string]int64{"leaked_objects": 8, "leaked_space": 12608}, sums); diff != "" {
			t.Errorf("%s (-want +got):\n%s", args, diff)
		}
	}
}
