// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

func readAll(t *testing.T, text string) (leaks []kmemleak.Leak, err string) {
	t.Helper()
	leaks, e := readLeaks(bufio.NewReader(strings.NewReader(text)), func(int) {})
	if e := errors.Join(e...); e != nil {
		err = e.Error()
	}
	return leaks, err
}

func TestJSONLeaks(t *testing.T) {
	leaks, err := readAll(t, readFileText(t, report))
	if err != "" || len(leaks) != 8 {
		t.Fatalf("%d leaks, error %s", len(leaks), err)
	}
	var b bytes.Buffer
	if err := leakfmt.JSONLines(&b, leaks, nil); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(b.String(), "\n")[:8]
	for _, tt := range []struct {
		name, text string
		want       []kmemleak.Leak
		err        string
	}{
		{"all", b.String(), leaks, ""},
		{"without the last line end", strings.TrimSuffix(b.String(), "\n"), leaks, ""},
		{"with empty lines", lines[0] + "\n\r\n" + lines[1], leaks[:2], ""},
		{"a line that is cut", lines[0] + lines[1][:99] + "\n" + lines[2], []kmemleak.Leak{leaks[0], leaks[2]},
			"line 2: not a kmemleak report: unexpected end of JSON input"},
		{"a look that failed", lines[0] + `{"error":"off"}` + "\n", leaks[:1], `line 2: it says "off"`},
		{"a damaged record", lines[0] + addError(lines[1]), leaks[:2], `line 2: it says "cut"`},
		{"something else", lines[0] + "{}\n[]\n", leaks[:1], "line 2: not a kmemleak report: the members addr and error are missing\n" +
			"line 3: not a kmemleak report: not one JSON object in each line (jq -c makes that)"},
		{"a byte order mark", "\ufeff" + lines[0], leaks[:1], ""},
		{"more lines than objects", "{\n  \"addr\": \"0x1\"\n}\n", nil, "line 1: not a kmemleak report: not one JSON object in each line (jq -c makes that)\n" +
			"line 2: not a kmemleak report: not one JSON object in each line (jq -c makes that)\n" +
			"line 3: not a kmemleak report: not one JSON object in each line (jq -c makes that)"},
		{"an address that is none", `{"addr":"x","size":1}`, nil,
			`line 1: not a kmemleak report: number in JSON: strconv.ParseUint: parsing "x": invalid syntax`},
		{"many errors", lines[0] + strings.Repeat(`{"error":"off"}`+"\n", 10), leaks[:1],
			`line 2: it says "off"
line 3: it says "off"
line 4: it says "off"
line 5: it says "off"
line 6: it says "off"
line 7: it says "off"
line 8: it says "off"
line 9: it says "off"
and 2 lines more`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readAll(t, tt.text)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.err, err); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// addError turns the line of a leak into that of a damaged one.
func addError(line string) string { return strings.TrimSuffix(line, "}\n") + `,"error":"cut"}` + "\n" }

// Leaks that were read are the same after printing and reading them again.
func FuzzJSONLeaks(f *testing.F) {
	var b bytes.Buffer
	leaks := []kmemleak.Leak{{Addr: 1, Size: 8, Comm: "\xff", Backtrace: []kmemleak.Frame{{Func: "f", Offset: 1, Size: 2}}}}
	if err := leakfmt.JSONLines(&b, leaks, &leakfmt.Options{Err: errNoReport}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"addr":"0x1","age_ms":-1}` + "\n[]\n{}\nnull\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var read []kmemleak.Leak
		for leak, err := range leakfmt.ReadJSONLines(bytes.NewReader(text)) {
			if err == nil {
				read = append(read, leak)
			}
		}
		var b bytes.Buffer
		if err := leakfmt.JSONLines(&b, read, nil); err != nil {
			t.Fatal(err)
		}
		var again []kmemleak.Leak
		for leak, err := range leakfmt.ReadJSONLines(&b) {
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, leak)
		}
		if !slices.EqualFunc(read, again, func(a, b kmemleak.Leak) bool { return a.String() == b.String() }) {
			t.Errorf("(-first +second):\n%s", cmp.Diff(read, again))
		}
	})
}
