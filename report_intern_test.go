// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
)

// A leak costs at most two allocations, with what has to be read once.
func TestParseAllocations(t *testing.T) {
	const n = 5_000
	for _, tt := range []struct {
		name string
		text []byte
		read func(io.Reader) int
	}{
		{"Parse", largeReport(n, 50, nil), func(r io.Reader) int {
			leaks, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			return len(leaks)
		}},
		{"Extract", largeReport(n, 50, dmesgLine), func(r io.Reader) int {
			count := 0
			for range Extract(r) {
				count++
			}
			return count
		}},
	} {
		allocs := testing.AllocsPerRun(1, func() {
			if got := tt.read(bytes.NewReader(tt.text)); got != n {
				t.Errorf("%s: %d leaks", tt.name, got)
			}
		})
		if perLeak := allocs / n; perLeak > 2 {
			t.Errorf("%s: %.2f allocations for a leak", tt.name, perLeak)
		}
	}
}

// endless returns n records, each made of its number.
type endless struct {
	n      int
	record func(n int) []byte
	buf    []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.buf) == 0 {
		if e.n == 0 {
			return 0, io.EOF
		}
		e.n--
		e.buf = e.record(e.n)
	}
	n := copy(p, e.buf)
	e.buf = e.buf[n:]
	return n, nil
}

// No two records of these reports share anything, so nothing may be kept of them.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 150 MB (try: without -short)")
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	frames := func(format string, args ...any) func(int) []byte {
		return func(n int) []byte {
			b := fmt.Appendf(nil, "unreferenced object 0xffff888101a2b3c0 (size 64):\n  comm \"w%d\", pid 5, jiffies 6\n  backtrace:\n", n)
			return fmt.Appendf(b, format, append([]any{n}, args...)...)
		}
	}
	for _, tt := range []struct {
		name   string
		n      int
		record func(int) []byte
		errors bool
	}{
		{"short names", 60_000, frames("    f_%d+0x1/0x2\n    g_%[1]d+0x1/0x2\n"), false},
		{"long names", 30_000, frames("    f_%d_%s+0x1/0x2\n", strings.Repeat("x", 900)), false},
		{"longest names", 15_000, frames("    f_%d_%s+0x1/0x2\n", strings.Repeat("x", maxName-50)), false},
		{"names and paths", 9_000, frames("    f_%d_%s+0x1/0x2 %[2]s/%[1]d.c:1\n", strings.Repeat("x", 2_000)), false},
		{"no names", 1_000, frames("    f_%d_%s+0x1/0x2\n", strings.Repeat("x", 50_000)), true},
		{"no paths", 1_000, frames("    f+0x1/0x2 %d_%s.c:12\n", strings.Repeat("x", 50_000)), true},
	} {
		for reader, leaks := range map[string]iter.Seq2[Leak, error]{
			"ParseSeq": ParseSeq(&endless{n: tt.n, record: tt.record}),
			"Extract":  Extract(&endless{n: tt.n, record: tt.record}),
		} {
			before := heap()
			n := 0
			var held uint64
			for _, err := range leaks {
				if err != nil && !tt.errors {
					t.Fatal(err)
				}
				if n++; n%(tt.n/5) == 0 {
					held = max(held, heap()-min(before, heap()))
				}
			}
			if n != tt.n && !(tt.errors && reader == "ParseSeq") || held > 24<<20 {
				t.Errorf("%s, %s: %d leaks, %d KiB held", reader, tt.name, n, held>>10)
			}
		}
	}
}

// What came behind a line before is only a guess.
func TestInternLookup(t *testing.T) {
	table := newInternTable()
	for range 2 {
		if _, ok := table.lookup([]byte("a")); ok {
			t.Error("a line that was not added")
		}
		for _, line := range []string{"a", "b", "c", "a", "b", "a", "c", "b", "b"} {
			i := table.add([]byte(line), internFrame{frame: Frame{Func: line}})
			if got := table.frames[i].frame.Func; got != line {
				t.Errorf("%q is the line of %q", line, got)
			}
			if got, ok := table.lookup([]byte(line)); !ok || got != i {
				t.Errorf("%q: %d, %v, want %d", line, got, ok, i)
			}
			table.add(nil, internFrame{})
			if _, ok := table.lookup(nil); ok {
				t.Error("a line that is none")
			}
		}
		table.reset([]uint32{0})
	}
}
