// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExtractCaptures reads what kernels printed onto their consoles in verbose mode:
// the same module on each, whose eight leaks Linux 7.2 and newer print as four records.
func TestExtractCaptures(t *testing.T) {
	names, err := filepath.Glob("testdata/kmsg/*.dmesg")
	if err != nil || len(names) == 0 {
		t.Fatal("no captures", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, errs := collect(t, string(text))
			objects := 0
			for i, l := range got {
				objects += 1 + l.More
				if errs[i] != nil {
					t.Errorf("%v: %v", l, errs[i])
				}
			}
			if objects != 8 {
				t.Errorf("%d objects, want 8", objects)
			}
			golden(t, strings.TrimSuffix(name, ".dmesg")+".json", got)
		})
	}
}
