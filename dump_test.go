// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/machine"
)

// readRecords splits a capture of /dev/kmsg, which gives one record a read.
func readRecords(t testing.TB, text string) []machine.LogRecord {
	t.Helper()
	var records []machine.LogRecord
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, " ") {
			continue // dictionary of the record before
		}
		r, ok := machine.ParseLogRecord(line)
		if !ok {
			t.Fatalf("not a record: %q", line)
		}
		records = append(records, r)
	}
	return records
}

// TestParseDumpCaptures reads what kernels answered to dump=.
func TestParseDumpCaptures(t *testing.T) {
	names, err := filepath.Glob("testdata/kmsg/*.kmsg")
	if err != nil || len(names) == 0 {
		t.Fatal("no captures", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			records := readRecords(t, string(text))
			first, _ := parseObjectHeader(records[0].Text)
			got, err := parseDump(records, first.Addr+8)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(name, ".kmsg")+".json", got)
			// The log may end anywhere, when its oldest records were overwritten.
			for i := range 7 {
				if _, err := parseDump(records[:i], got.Addr); !errors.Is(err, errDumpIncomplete) {
					t.Errorf("of %d records: %v, want %v", i, err, errDumpIncomplete)
				}
			}
		})
	}
}

func TestParseDump(t *testing.T) {
	tests := []struct {
		name string
		log  string
		want Object
		err  error
	}{
		{"per-CPU, between other messages", `5,1,1,-;kmemleak: Object (percpu) 0x607b97e9cab8 (size 8):
6,2,1,-;usb 1-1: new device
5,3,1,-;kmemleak:   comm "a b", pid 0, jiffies 3
5,4,1,-;kmemleak:   min_count = 1
5,5,1,-;kmemleak:   count = -1
5,6,1,-;kmemleak:   flags = 0x21
5,7,1,-;kmemleak:   checksum = 7
5,8,1,-;kmemleak:   backtrace:
`, Object{Addr: 0x607b97e9cab8, Size: 8, PerCPU: true, Comm: "a b", Jiffies: 3, MinCount: 1, Count: -1,
			Flags: 0x21, Checksum: 7}, nil},
		{"another caller's lines", `5,1,1,-,caller=T9;kmemleak: Object 0x607b97e9cab8 (size 8):
5,2,1,-,caller=T7;kmemleak:   min_count = 5
5,3,1,-,caller=T9;kmemleak:   comm "x", pid 1, jiffies 3
5,3,1,-,caller=T9;kmemleak:   min_count = 1
5,4,1,-,caller=T9;kmemleak:   backtrace:
4,5,1,-,caller=T9;      __vmalloc_node_range+0x749/0x7d0
4,6,1,-,caller=C1; other+0x749/0x7d0
`, Object{Addr: 0x607b97e9cab8, Size: 8, Comm: "x", PID: 1, Jiffies: 3, MinCount: 1,
			Backtrace: []Frame{{Func: "__vmalloc_node_range", Offset: 0x749, Size: 0x7d0}}}, nil},
		{"a comm line that is not known", `5,1,1,-;kmemleak: Object 0x607b97e9cab8 (size 8):
5,2,1,-;kmemleak:   comm "x", pid 1, cpu 2, jiffies 3
5,3,1,-;kmemleak:   backtrace:
`, Object{Addr: 0x607b97e9cab8, Size: 8}, errDumpIncomplete},
		{"hostile comm", `5,1,1,-;kmemleak: Object 0x607b97e9cab8 (size 8):
5,2,1,-;kmemleak:   comm "x", pid 1\x0a\x5cx", pid 2, jiffies 3
5,3,1,-;kmemleak:   backtrace:
`, Object{Addr: 0x607b97e9cab8, Size: 8, Comm: "x\", pid 1\n\\x", PID: 2, Jiffies: 3}, nil},
		{"the second object is meant", `5,1,1,-;kmemleak: Object (phys) 0x1000 (size 8):
5,2,1,-;kmemleak:   backtrace:
5,3,1,-;kmemleak: Object 0x607b97e9cab0 (size 64):
5,3,1,-;kmemleak:   comm "x", pid 1, jiffies 3
5,4,1,-;kmemleak:   backtrace:
`, Object{Addr: 0x607b97e9cab0, Size: 64, Comm: "x", PID: 1, Jiffies: 3}, nil},
		{"the one that begins there is meant", `5,1,1,-;kmemleak: Object (phys) 0x607b97e9c000 (size 4096):
5,2,1,-;kmemleak:   comm "y", pid 2, jiffies 4
5,3,1,-;kmemleak:   backtrace:
5,4,1,-;kmemleak: Object (percpu) 0x607b97e9cab8 (size 8):
5,5,1,-;kmemleak:   comm "x", pid 1, jiffies 3
5,6,1,-;kmemleak:   backtrace:
`, Object{Addr: 0x607b97e9cab8, Size: 8, PerCPU: true, Comm: "x", PID: 1, Jiffies: 3}, nil},
		{"another object", "5,1,1,-;kmemleak: Object 0x1000 (size 8):\n5,2,1,-;kmemleak:   backtrace:\n", Object{}, errDumpIncomplete},
		{"nothing", "", Object{}, errDumpIncomplete},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseDump(readRecords(t, tt.log), 0x607b97e9cab8)
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("object (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParseDump(f *testing.F) {
	captures, err := filepath.Glob("testdata/kmsg/*.kmsg")
	if err != nil || len(captures) == 0 {
		f.Fatal("no captures", err)
	}
	for _, name := range captures {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), uint64(0xffffb1e300023000))
	}
	f.Fuzz(func(t *testing.T, text string, addr uint64) {
		var records []machine.LogRecord
		for line := range strings.Lines(text) {
			if r, ok := machine.ParseLogRecord(line); ok {
				records = append(records, r)
			}
		}
		o, err := parseDump(records, addr)
		if err == nil && (addr < o.Addr || addr-o.Addr >= max(o.Size, 1)) {
			t.Errorf("asked for %#x, got the object at %#x of %d bytes", addr, o.Addr, o.Size)
		}
	})
}
