// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestREADME checks that the README shows what the tour prints.
func TestREADME(t *testing.T) {
	var out bytes.Buffer
	if err := tour(&out); err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, excerpt, ok := strings.Cut(string(readme), "One of the places that the first one prints:\n\n")
	excerpt, _, end := strings.Cut(excerpt, "\n\nThe kernel printed neither")
	if !ok || !end {
		t.Fatal("README.md has no excerpt")
	}
	for line := range strings.Lines(excerpt + "\n") {
		line = strings.TrimPrefix(line, "    ")
		if strings.TrimSpace(line) != "…" && !strings.Contains(out.String(), line) {
			t.Errorf("the tour does not print %q", line)
		}
	}
}
