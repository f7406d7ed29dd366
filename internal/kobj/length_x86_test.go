// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bufio"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

// TestX86Length compares instruction ends with those that objdump prints, in the files
// of KMEMLEAK_OBJECTS (a pattern) or in our own modules.
func TestX86Length(t *testing.T) {
	need.Tools(t, "binutils", "objdump")
	pattern := os.Getenv("KMEMLEAK_OBJECTS")
	if pattern == "" {
		pattern = "../../testdata/modules/hello_kernel/*/*.ko"
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	total, unknown := 0, 0
	for _, name := range files {
		f, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if f.Machine != elf.EM_X86_64 && f.Machine != elf.EM_386 {
			f.Close()
			continue
		}
		wrong := 0
		for i := range f.sections {
			s := &f.sections[i]
			if !s.executable() || s.Size == 0 || s.Type == elf.SHT_NOBITS {
				continue
			}
			b, err := f.Contents(s)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("objdump", "-d", "-w", "-z", "-j", s.Name, name)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				parts := strings.Split(lines.Text(), "\t")
				if len(parts) < 3 || strings.Contains(parts[2], "(bad)") {
					continue
				}
				at, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(parts[0]), ":"), 16, 64)
				if err != nil {
					continue
				}
				if f.Linked() {
					at -= s.Addr
				}
				want := len(strings.Fields(parts[1]))
				total++
				switch got := x86Length(b[at:], f.Machine == elf.EM_X86_64); {
				case got == 0:
					unknown++
					if unknown < 20 {
						t.Logf("not known: %s", lines.Text())
					}
				case got != want && wrong < 20:
					wrong++
					t.Errorf("%s %s: length %d, want %d: %s", name, s.Name, got, want, lines.Text())
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
	}
	t.Logf("%d instructions, %d not known", total, unknown)
	if unknown*1000 > total {
		t.Errorf("%d of %d instructions not known", unknown, total)
	}
}

func TestX86LengthBytes(t *testing.T) {
	tests := []struct {
		name, code string
		long       bool
		want       int
	}{
		{"call", "\xe8\x01\x02\x03\x04", true, 5},
		{"cut off", "\xe8\x01\x02\x03", true, 0},
		{"empty", "", true, 0},
		{"prefixes only", "\x66\x66\x66", true, 0},
		{"endbr64", "\xf3\x0f\x1e\xfa", true, 4},
		{"movabs", "\x48\xba\x41\x41\x41\x41\x41\x41\x41\x41", true, 10},
		{"inc, 32 bit", "\x40", false, 1},
		{"SIB without base", "\xff\x24\xc5\x00\x00\x00\x00", true, 7},
		{"test byte", "\xf6\x05\x00\x00\x00\x00\x01", true, 7},
		{"not byte", "\xf6\x15\x00\x00\x00\x00", true, 6},
		{"VEX", "\xc4\xe2\x71\xf7\xc0", true, 5},
		{"EVEX is not known", "\x62\xf1\x7c\x48\x28\xc0", true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := x86Length([]byte(tt.code), tt.long); got != tt.want {
				t.Errorf("length %d, want %d", got, tt.want)
			}
		})
	}
}
