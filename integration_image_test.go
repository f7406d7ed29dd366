// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
)

// TestImage looks up the kernel's own frames of a report in the vmlinux of the kernel
// that printed it, and compares with addr2line. make integration runs it on the host,
// with KMEMLEAK_IMAGE set to the kernel's folder and KMEMLEAK_REPORT to a report which
// the same run has captured.
func TestImage(t *testing.T) {
	folder := os.Getenv("KMEMLEAK_IMAGE")
	if folder == "" {
		t.Skip("needs the vmlinux of a test kernel (try: make integration)")
	}
	image := filepath.Join(folder, "vmlinux")
	report, err := os.Open(os.Getenv("KMEMLEAK_REPORT"))
	if err != nil {
		t.Fatal(err)
	}
	defer report.Close()
	leaks, err := kmemleak.Parse(report)
	if err != nil {
		t.Fatal(err)
	}
	starts := symbolAddresses(t, image)
	s := kmemleak.Symbolizer{Dirs: []string{image}}
	defer s.Close()
	seen := make(map[kmemleak.Frame]bool)
	for _, leak := range leaks {
		for _, f := range leak.Backtrace {
			f.Addr = 0
			// An offset of 0 is of no call; names in several places are no matter here.
			if f.Module != "" || f.Func == "" || f.Offset == 0 || seen[f] || len(starts[f.Func]) != 1 {
				continue
			}
			seen[f] = true
			pos, err := s.Resolve(f)
			if err != nil {
				t.Errorf("%v: %v", f, err)
				continue
			}
			var got []string
			for _, p := range pos {
				got = append(got, fmt.Sprintf("%s %s:%d", p.Func, filepath.Base(p.RawFile), p.Line))
			}
			want := addr2line(t, image, starts[f.Func][0]+f.Offset-1)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v (-addr2line +got):\n%s", f, diff)
			}
		}
	}
	if len(seen) < 6 {
		t.Errorf("only %d frames compared", len(seen))
	}
}

func symbolAddresses(t *testing.T, image string) map[string][]uint64 {
	t.Helper()
	file, err := elf.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	starts := make(map[string][]uint64)
	for _, s := range symbols {
		starts[s.Name] = append(starts[s.Name], s.Value)
	}
	return starts
}

// addr2line gives what binutils says of an address, innermost function first.
func addr2line(t *testing.T, image string, addr uint64) []string {
	t.Helper()
	out, err := exec.Command("addr2line", "-f", "-i", "-e", image, fmt.Sprintf("%#x", addr)).Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	var places []string
	for i := 0; i+1 < len(lines); i += 2 {
		place, _, _ := strings.Cut(lines[i+1], " (discriminator")
		places = append(places, lines[i]+" "+filepath.Base(place))
	}
	return places
}
