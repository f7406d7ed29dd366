// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// allocinfoCapture is of a kernel in which hello_kernel had leaked the same as in its reports.
const allocinfoCapture = "../internal/allocinfo/testdata/allocinfo-6.12-x86_64.txt"

func TestLive(t *testing.T) {
	s := symbolizer(t, "6.12-x86_64")
	leaks := report(t, "6.12-x86_64")
	written := func(text string) string {
		name := filepath.Join(t.TempDir(), "allocinfo")
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return name
	}
	line := func(text string) string {
		return written("allocinfo - version: 1.0\n" + text + " /usr/src/kmemleak/hello_kernel/hello.c:36 [hello_kernel] func:greeting_alloc \n")
	}
	for _, tt := range []struct {
		name, file string
		want       []string // lines with what is live
	}{
		{"of a kernel", allocinfoCapture, []string{
			"    8192 bytes leaked of 8208 live from these lines, in 4 allocations",
			"    4096 bytes leaked of 4104 live from this line, in 2 allocations",
			"    5 leaked of 5 live from this line",
		}},
		{"more live", line("640 10"), []string{"    5 leaked of 10 live from this line"}},
		{"larger objects", line("960 5"), []string{"    320 bytes leaked of 960 live from this line, in 5 allocations"}},
		{"less live", line("64 1"), []string{
			"    the kernel counts 64 bytes live from this line, less than are leaked: it counts since vm.mem_profiling was set to 1",
		}},
		{"switched off", line("0 0"), nil},
		{"no such file", "testdata/missing", nil},
		{"none", "", nil},
		{"another file", written("hello\n"), []string{`  not sure: how much is live where leaks are from: FILE: no allocinfo: it begins with "hello"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := Text(&b, leaks, &Options{Symbolizer: s, Allocinfo: tt.file}); err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(b.String()) {
				if strings.Contains(line, " live ") {
					line = strings.TrimSuffix(line, "\n")
					if tt.file != "" {
						line = strings.ReplaceAll(line, tt.file, "FILE")
					}
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestLiveJSON(t *testing.T) {
	var b bytes.Buffer
	o := &Options{Symbolizer: symbolizer(t, "6.12-x86_64"), Allocinfo: allocinfoCapture}
	if err := JSONLines(&b, report(t, "6.12-x86_64"), o); err != nil {
		t.Fatal(err)
	}
	type live struct{ Bytes, Allocations int }
	var got []live
	for line := range bytes.Lines(b.Bytes()) {
		var l struct{ Owner struct{ Live live } }
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l.Owner.Live)
	}
	page, greeting := live{4104, 2}, live{320, 5}
	if diff := cmp.Diff([]live{page, page, page, greeting, greeting, greeting, greeting, greeting}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
