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

// largeReport gives a report of n leaks of about 1000 bytes each, with so many
// different backtraces. Each line is passed through carry.
func largeReport(n, backtraces int, carry func(line string) string) []byte {
	var b bytes.Buffer
	for i := range n {
		var l bytes.Buffer
		fmt.Fprintf(&l, "unreferenced object 0xffff8881%08x (size %d):\n", i*64, 64<<(i%5))
		fmt.Fprintf(&l, "  comm \"worker-%d\", pid %d, jiffies %d\n", i%40, 1000+i%700, 4294900000+uint64(i))
		l.WriteString("  hex dump (first 32 bytes):\n")
		l.Write(appendHexDump(nil, fmt.Appendf(nil, "%032d", i)))
		fmt.Fprintf(&l, "  backtrace (crc %x):\n", uint32(i)*2654435761)
		for depth := range 14 {
			fmt.Fprintf(&l, "    subsystem_function_%d_%d+0x%x/0x%x [driver_%d]\n", i%backtraces, depth, 16+depth, 512+depth, i%backtraces/10)
		}
		if carry == nil {
			b.Write(l.Bytes())
			continue
		}
		for line := range bytes.Lines(l.Bytes()) {
			b.WriteString(carry(string(line)))
		}
	}
	return b.Bytes()
}

// dmesgLine is how a line of verbose mode looks in a log.
func dmesgLine(line string) string { return "[  354.123456][   T170] kmemleak: " + line }

func BenchmarkParse(b *testing.B) {
	text := largeReport(100_000, 500, nil)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range Leaks(bytes.NewReader(text)) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 100_000 {
			b.Fatalf("%d leaks", n)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	const leaks = 50_000
	noise := []byte("[  354.200000][    C1] usb 1-1: new high-speed USB device number 5 using xhci_hcd\n")
	for _, bb := range []struct {
		name string
		text []byte
		want int
	}{
		{"dmesg", largeReport(leaks, 500, dmesgLine), leaks},
		{"file", largeReport(leaks, 500, nil), leaks},
		{"mail", largeReport(leaks, 500, func(line string) string { return "> > " + line }), leaks},
		{"noise", bytes.Repeat(noise, 500_000), 0},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(bb.text)))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range Extract(bytes.NewReader(bb.text)) {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != bb.want {
					b.Fatalf("%d leaks", n)
				}
			}
		})
	}
}

func BenchmarkParseFrame(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseFrame("    [<ffffffffc0a011d3>] thing_alloc.isra.0+0x13/0x50 [thing_core]"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGroups groups as many equal leaks as one published report had.
func BenchmarkGroups(b *testing.B) {
	l := Leak{Size: 2048, Comm: "alsa", Backtrace: frames("kmalloc_trace+0x1/0x2", "snd_thing+0x1/0x2 [snd]", "do_syscall_64+0x1/0x2")}
	leaks := make([]Leak, 663_265)
	for i := range leaks {
		leaks[i] = l
		leaks[i].Addr = uint64(i)
	}
	b.Run("shared", func(b *testing.B) {
		for b.Loop() {
			if c := Groups(leaks); len(c) != 1 || c[0].Count != len(leaks) {
				b.Fatal(len(c))
			}
		}
	})
	for i := range leaks {
		leaks[i].Backtrace = append([]Frame(nil), l.Backtrace...)
	}
	b.Run("copied", func(b *testing.B) {
		for b.Loop() {
			if c := Groups(leaks); len(c) != 1 || c[0].Count != len(leaks) {
				b.Fatal(len(c))
			}
		}
	})
}

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

// endless gives n records, each made of its number.
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
		t.Skip("reads 150 MB; run without -short")
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
			"Leaks":   Leaks(&endless{n: tt.n, record: tt.record}),
			"Extract": Extract(&endless{n: tt.n, record: tt.record}),
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
			if n != tt.n && !(tt.errors && reader == "Leaks") || held > 24<<20 {
				t.Errorf("%s, %s: %d leaks, %d KiB held", reader, tt.name, n, held>>10)
			}
		}
	}
}
