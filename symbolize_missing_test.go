// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMissing has frames without a file: what is said of them is short and names the
// remedy, and nothing is said where a decoder has put the line.
func TestMissing(t *testing.T) {
	s := &Symbolizer{Release: "0", Dirs: []string{helloModules}, root: t.TempDir()}
	defer s.Close()
	named := Frame{Func: "vmalloc", Offset: 0x3c, Size: 0x50}
	decoded := named
	decoded.File, decoded.Line = "mm/vmalloc.c", 3000
	calls := s.Backtrace([]Frame{named, decoded})
	const want = "no file of the kernel image (vmlinux) in 8 places: file does not exist" +
		" (give the file or its folder with -dir, or the kernel's release with -release)"
	got := []string{fmt.Sprint(calls[0].Problem, ": ", calls[0].Err), fmt.Sprint(calls[1].Problem, " ", calls[1].Err, " ", calls[1].Confidence)}
	if diff := cmp.Diff([]string{"no file: " + want, "none <nil> assumed"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, err := s.Resolve(named)
	for text, e := range map[string]error{"of Resolve": err, "inside": errors.Unwrap(calls[0].Err)} {
		if !errors.Is(e, fs.ErrNotExist) || !strings.Contains(fmt.Sprint(e), "/usr/lib/debug/boot/vmlinux-0") {
			t.Errorf("%s: %v does not list the places", text, e)
		}
	}
	if !errors.Is(calls[0].Err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", calls[0].Err)
	}
}
