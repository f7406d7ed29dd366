// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// subject is what the tests look for: reports that begin with "lost object" and have
// names between two bars.
var subject = Subject{
	Start: "lost object", Tag: "finder", Label: "path:",
	Verbatim: func(line []byte) (from, to int) {
		from, to = bytes.IndexByte(line, '|'), bytes.LastIndexByte(line, '|')
		if from < 0 {
			return len(line), len(line)
		}
		return from, to
	},
}

// read returns the lines of r.
func read(r io.Reader) (lines []Line, err error) {
	t := NewText(r, &subject)
	for l, ok := t.Next(); ok; l, ok = t.Next() {
		lines = append(lines, *l)
		lines[len(lines)-1].Text = bytes.Clone(l.Text)
	}
	return lines, t.Err()
}

func TestText(t *testing.T) {
	line := func(text string, number int, changed bool) Line {
		return Line{Text: []byte(text), Width: len(text), Number: number, Changed: changed}
	}
	soft := strings.Repeat("x", 75)
	tests := []struct {
		name, text string
		want       []Line
	}{
		{"nothing", "", nil},
		{"plain", "a\n\n b", []Line{line("a", 1, false), line("", 2, false), line(" b", 3, false)}},
		{"carriage returns", "a\r\nb\n", []Line{line("a", 1, true), line("b", 2, false)}},
		{"two lines in one", "a<br>b\nc\n", []Line{line("a", 1, true), line("b", 1, true), line("c", 2, false)}},
		{"an empty line in one", "a<br>\n", []Line{line("a", 1, true), line("", 1, true)}},
		{"one line in two", soft + "=\ny\n", []Line{line(soft+"y", 2, true)}},
		{"a rule is no soft line break", strings.Repeat("=", 75) + "\ny\n", []Line{line(strings.Repeat("=", 75), 1, false), line("y", 2, false)}},
		{"one line in two, cut", "a\n" + soft + "=\n", []Line{line("a", 1, false), line(soft, 2, false)}},
		{"verbatim", "&lt; |&lt;| &lt;\n", []Line{line("< |&lt;| <", 1, true)}},
		{"escaped", `"lost object\n\tpath"`, []Line{line(`"lost object`, 1, true), line("\tpath\"", 1, true)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := read(strings.NewReader(tt.text))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	broken := errors.New("broken")
	if got, err := read(io.MultiReader(strings.NewReader("a"), iotest.ErrReader(broken))); len(got) != 1 || !errors.Is(err, broken) {
		t.Errorf("%v, %v", got, err)
	}
}
