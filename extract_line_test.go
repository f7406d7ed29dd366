// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Lines are lost, doubled or swapped. A leak without an error is right, but for its
// frames: whether one is missing cannot be seen.
func TestExtractLines(t *testing.T) {
	text := captures(t)["testdata/reports/hello_kernel-6.12-x86_64"]
	whole, err := Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")[:45]
	check := func(what string, lines []string) {
		t.Helper()
		text := strings.Join(lines, "")
		leaks, errs := collect(t, text)
		if n := strings.Count(text, "unreferenced object"); len(leaks) != n {
			t.Errorf("%s: %d leaks, want %d", what, len(leaks), n)
		}
		for i, l := range leaks {
			j := slices.IndexFunc(whole, func(w Leak) bool { return w.Addr == l.Addr })
			if j < 0 {
				t.Errorf("%s: leak %v is invented", what, l)
				continue
			}
			want := whole[j]
			l.Backtrace, want.Backtrace = nil, nil
			if strings.Contains(what, " before ") { // the order of two rows cannot be seen
				l.Data, want.Data = nil, nil
			}
			if diff := cmp.Diff(want, l); errs[i] == nil && diff != "" {
				t.Errorf("%s: no error, but (-want +got):\n%s", what, diff)
			}
		}
	}
	for i, line := range lines {
		check(fmt.Sprintf("without line %d", i+1), slices.Delete(slices.Clone(lines), i, i+1))
		check(fmt.Sprintf("line %d twice", i+1), slices.Insert(slices.Clone(lines), i, line))
		if i > 0 {
			swapped := slices.Clone(lines)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			check(fmt.Sprintf("line %d before %d", i+1, i), swapped)
		}
	}
}

// Two reports are mixed and nothing tells their lines apart: then no leak is given
// as if it were whole.
func TestExtractMixed(t *testing.T) {
	split := strings.Index(carried, "unreferenced object 0xffff888101a2b400")
	a, b := strings.SplitAfter(carried[:split], "\n"), strings.SplitAfter(carried[split:], "\n")
	var text strings.Builder
	for i := range max(len(a), len(b)) {
		text.WriteString(strings.Join(a[min(i, len(a)):min(i+1, len(a))], ""))
		text.WriteString(strings.Join(b[min(i, len(b)):min(i+1, len(b))], ""))
	}
	leaks, errs := collect(t, text.String())
	if len(leaks) != 2 || errs[0] == nil || errs[1] == nil {
		t.Errorf("leaks %v\nerrors %v", leaks, errs)
	}
}

// A capture is cut at every byte, at either end. What is left is found, and nothing
// else.
func TestExtractTruncated(t *testing.T) {
	for name, text := range captures(t) {
		whole, err := Parse(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		text := text[:2000]
		for n := range text {
			leaks, errs := collect(t, string(text[:n]))
			for i, l := range leaks {
				want := whole[i]
				last := i == len(leaks)-1
				if errs[i] == nil && !last && !cmp.Equal(l, want) {
					t.Fatalf("%s[:%d]: leak %d is %v, want %v", filepath.Base(name), n, i, l, want)
				}
				if l.Addr != want.Addr || l.Size != want.Size && (l.Size != 0 || errs[i] == nil) ||
					errs[i] == nil && (l.Comm != want.Comm || l.Jiffies != want.Jiffies || !bytes.Equal(l.Data, want.Data)) {
					t.Fatalf("%s[:%d]: leak %d is %v (%v), want %v", filepath.Base(name), n, i, l, errs[i], want)
				}
			}
			headers := bytes.Count(text[:n], []byte("):\n"))
			if len(leaks) == 0 && headers > 0 {
				t.Fatalf("%s[:%d]: no leaks", filepath.Base(name), n)
			}
		}
		for n := range text {
			leaks, errs := collect(t, string(text[n:]))
			for i, l := range leaks {
				j := slices.IndexFunc(whole, func(w Leak) bool { return w.Addr == l.Addr })
				if j < 0 {
					t.Fatalf("%s[%d:]: leak %v is invented", filepath.Base(name), n, l)
				}
				if i < len(leaks)-1 && (errs[i] != nil || !cmp.Equal(l, whole[j])) {
					t.Fatalf("%s[%d:]: leak %v (%v), want %v", filepath.Base(name), n, l, errs[i], whole[j])
				}
			}
		}
	}
}
