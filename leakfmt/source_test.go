// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

func TestSource(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	numbers := write("numbers.c", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\n")
	evil := write("evil.c", "\tx = \"\x1b[31m\u202e\xff\";\r\n"+strings.Repeat("é\t", 1000)+"\nend")
	big := write("big.c", strings.Repeat("x\n", maxSource/2)+"\n")
	for _, tt := range []struct {
		name string
		file string
		line int
		want string
	}{
		{"in the middle", numbers, 5, "    source:\n      3  three\n      4  four\n    → 5  five\n      6  six\n      7  seven\n"},
		{"at the start", numbers, 1, "    source:\n    → 1  one\n      2  two\n      3  three\n"},
		{"at the end", numbers, 11, "    source:\n       9  nine\n      10  ten\n    → 11  eleven\n"},
		{"around 10", numbers, 8, "    source:\n       6  six\n       7  seven\n    →  8  eight\n       9  nine\n      10  ten\n"},
		{"beyond the end", numbers, 12, "    source: not of what was compiled, for the file has 11 lines\n"},
		{"evil", evil, 1, "    source:\n    → 1          x = \"\ufffd[31m\ufffd\ufffd\";\n      2  " + strings.Repeat("é       ", 22) + "é…\n      3  end\n"},
		{"too big", big, 1, ""},
		{"no line", numbers, 0, ""},
		{"no file", filepath.Join(dir, "none.c"), 1, ""},
		{"no name", "", 1, ""},
		{"a folder", dir, 1, ""},
		{"a device", os.DevNull, 1, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			p := newPrinter(&b, nil)
			call := kmemleak.Call{
				Frame: kmemleak.Frame{Func: "f", Size: 1}, Confidence: kmemleak.Proved, ObjectFile: "m.ko",
				Pos: []kmemleak.Pos{{Func: "f", File: tt.file, Line: tt.line}},
			}
			p.source([]kmemleak.Call{call})
			p.out.Flush()
			if diff := cmp.Diff(tt.want, b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkClean(t, b.String())
			b.Reset()
			for _, confidence := range []kmemleak.Confidence{kmemleak.Unresolved, kmemleak.Contradicted, kmemleak.Ambiguous} {
				call.Confidence = confidence
				p.source([]kmemleak.Call{call})
			}
			call.Confidence, call.ObjectFile = kmemleak.Assumed, "" // a tool put it into the report
			p.source([]kmemleak.Call{call})
			p.out.Flush()
			if b.Len() > 0 {
				t.Errorf("shows the source of a place that nobody stands for:\n%s", &b)
			}
		})
	}
}
