// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The man page of the repository is up to date, and groff does not complain about it.
func TestMan(t *testing.T) {
	page := runWith(t, "", "help", "-man").Out
	if *update {
		if err := os.WriteFile("kmemleak.1", []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readFileText(t, "kmemleak.1"), page); diff != "" {
		t.Errorf("kmemleak.1 (try: go test ./cmd/kmemleak -run TestMan -update) (-want +got):\n%s", diff)
	}
	if said := tool(t, "groff-base", page, "groff", "-man", "-ww", "-z", "-Tutf8"); said != "" {
		t.Errorf("groff: %s", said)
	}
}

func TestRoff(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a word-with -format and (-empty) x", `a word-with \-format and (\-empty) x`},
		{".TH\n'br\n.", "\\&.TH\n\\&'br\n\\&."},
		{`\fB`, `\efB`},
		{"help -- command-line", `help \-\- command-line`},
	} {
		if diff := cmp.Diff(tt.want, roff(tt.text)); diff != "" {
			t.Errorf("roff(%q) (-want +got):\n%s", tt.text, diff)
		}
	}
}
