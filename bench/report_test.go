// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package bench compares the library with other ways to do the same.
package bench

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
)

// simpleParse reads a report the way one would write it in an afternoon: with a Scanner
// and a regular expression for each kind of line. It returns the same leaks for the
// benchmark's report.
func simpleParse(r io.Reader) ([]kmemleak.Leak, error) {
	var leaks []kmemleak.Leak
	var l *kmemleak.Leak
	inDump := false
	in := bufio.NewScanner(r)
	for in.Scan() {
		line := in.Text()
		if m := headerLine.FindStringSubmatch(line); m != nil {
			leaks = append(leaks, kmemleak.Leak{})
			l = &leaks[len(leaks)-1]
			l.Addr, _ = strconv.ParseUint(m[1], 16, 64)
			l.Size, _ = strconv.ParseUint(m[2], 10, 64)
			continue
		}
		if l == nil {
			return nil, fmt.Errorf("no header before %q", line)
		}
		if m := commLine.FindStringSubmatch(line); m != nil {
			l.Comm = m[1]
			l.PID, _ = strconv.Atoi(m[2])
			l.Jiffies, _ = strconv.ParseUint(m[3], 10, 64)
		} else if dumpLine.MatchString(line) {
			inDump = true
		} else if m := backtraceLine.FindStringSubmatch(line); m != nil {
			inDump = false
			crc, _ := strconv.ParseUint(m[1], 16, 32)
			sum := kmemleak.Checksum(crc)
			l.Checksum = &sum
		} else if m := rowLine.FindStringSubmatch(line); inDump && m != nil {
			row, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
			if err != nil {
				return nil, err
			}
			l.Data = append(l.Data, row...)
		} else if m := frameLine.FindStringSubmatch(line); m != nil {
			var f kmemleak.Frame
			f.Func, f.Module = m[1], m[4]
			f.Offset, _ = strconv.ParseUint(m[2], 16, 64)
			f.Size, _ = strconv.ParseUint(m[3], 16, 64)
			l.Backtrace = append(l.Backtrace, f)
		} else {
			return nil, fmt.Errorf("unknown line %q", line)
		}
	}
	return leaks, in.Err()
}

var (
	headerLine    = regexp.MustCompile(`^unreferenced object 0x([0-9a-f]+) \(size (\d+)\):$`)
	commLine      = regexp.MustCompile(`^  comm "(.*)", pid (\d+), jiffies (\d+)(?: \(age [\d.]+s\))?$`)
	dumpLine      = regexp.MustCompile(`^  hex dump \(first (\d+) bytes\):$`)
	rowLine       = regexp.MustCompile(`^    ((?:[0-9a-f]{2} ){1,16})`)
	backtraceLine = regexp.MustCompile(`^  backtrace(?: \(crc ([0-9a-f]+)\))?:$`)
	frameLine     = regexp.MustCompile(`^    (?:\[<[0-9a-f]+>\] )?([\w.]+)\+0x([0-9a-f]+)/0x([0-9a-f]+)(?: \[(\w+)\])?$`)
)

// report returns n leaks of about 1000 bytes with 500 different backtraces.
func report(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "unreferenced object 0xffff8881%08x (size %d):\n", i*64, 64<<(i%5))
		fmt.Fprintf(&b, "  comm \"worker-%d\", pid %d, jiffies %d\n", i%40, 1000+i%700, 4294900000+uint64(i))
		b.WriteString("  hex dump (first 32 bytes):\n")
		for range 2 {
			fmt.Fprintf(&b, "    % x  %016d\n", fmt.Appendf(nil, "%016d", i), i)
		}
		fmt.Fprintf(&b, "  backtrace (crc %x):\n", uint32(i)*2654435761)
		for depth := range 14 {
			fmt.Fprintf(&b, "    subsystem_function_%d_%d+0x%x/0x%x [driver_%d]\n", i%500, depth, 16+depth, 512+depth, i%500/10)
		}
	}
	return b.Bytes()
}

// BenchmarkReport measures how many times faster Parse is. Both are measured in turn,
// and the quickest of each run counts, so that other work on the machine disturbs both
// alike.
func BenchmarkReport(b *testing.B) {
	text := report(20_000)
	want, err := simpleParse(bytes.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	got, err := kmemleak.Parse(bytes.NewReader(text))
	if err != nil || len(got) != len(want) || got[777].String() != want[777].String() {
		b.Fatalf("%d and %d leaks, %v", len(got), len(want), err)
	}
	quickest := func(best time.Duration, f func(io.Reader) ([]kmemleak.Leak, error)) time.Duration {
		start := time.Now()
		if _, err := f(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
		return min(best, time.Since(start))
	}
	simple, parse, extract := time.Hour, time.Hour, time.Hour
	for b.Loop() {
		simple = quickest(simple, simpleParse)
		for range 5 {
			parse = quickest(parse, kmemleak.Parse)
			extract = quickest(extract, func(r io.Reader) ([]kmemleak.Leak, error) {
				var leaks []kmemleak.Leak
				for l, err := range kmemleak.Extract(r) {
					if err != nil {
						return leaks, err
					}
					leaks = append(leaks, l)
				}
				return leaks, nil
			})
		}
	}
	rate := func(d time.Duration) float64 { return float64(len(text)) / d.Seconds() / 1e6 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(simple), "simple-MB/s")
	b.ReportMetric(rate(parse), "Parse-MB/s")
	b.ReportMetric(rate(extract), "Extract-MB/s")
	b.ReportMetric(simple.Seconds()/parse.Seconds(), "Parse-times")
	b.ReportMetric(simple.Seconds()/extract.Seconds(), "Extract-times")
}
