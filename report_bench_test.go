// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"testing"
)

// largeReport returns a report of n leaks of about 1000 bytes each, with so many
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
		for _, err := range ParseSeq(bytes.NewReader(text)) {
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
					if bb.want == 0 && err == ErrNoReport {
						break
					}
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
