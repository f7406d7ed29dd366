// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/kmemleak/kmemleak"
)

// largeReport returns n leaks with so many different backtraces. Equal backtraces are
// shared, as in a report that was read.
func largeReport(b *testing.B, n, backtraces int) []kmemleak.Leak {
	var text bytes.Buffer
	for i := range n {
		fmt.Fprintf(&text, "unreferenced object 0xffff8881%08x (size %d):\n", i*64, 64<<(i%5))
		fmt.Fprintf(&text, "  comm \"worker-%d\", pid %d, jiffies %d\n", i%40, 1000+i%700, 4294900000+uint64(i))
		text.WriteString("  hex dump (first 32 bytes):\n")
		text.WriteString(kmemleak.Leak{Data: fmt.Appendf(nil, "%032d", i)}.HexDump())
		fmt.Fprintf(&text, "  backtrace (crc %x):\n    kmem_cache_alloc_noprof+0x12a/0x3b0\n", uint32(i)*2654435761)
		for depth := range 13 {
			fmt.Fprintf(&text, "    subsystem_function_%d_%d+0x%x/0x%x [driver_%d]\n", i%backtraces, depth, 16+depth, 512+depth, i%backtraces/10)
		}
	}
	leaks, err := kmemleak.Parse(&text)
	if err != nil {
		b.Fatal(err)
	}
	return leaks
}

func BenchmarkWriters(b *testing.B) {
	large := largeReport(b, 100_000, 500)
	apart := slices.Clone(large)
	for i := range apart {
		apart[i].Backtrace = slices.Clone(apart[i].Backtrace)
	}
	hello := slices.Repeat(report(b, "6.12-x86_64"), 12_500)
	for _, reports := range []struct {
		name  string
		leaks []kmemleak.Leak
		opts  *Options
	}{
		{"shared", large, nil},
		{"apart", apart, nil}, // such as leaks that were read from JSON
		{"symbolized", hello, &Options{Symbolizer: symbolizer(b, "6.12-x86_64")}},
	} {
		for _, form := range []struct {
			name  string
			write func(io.Writer, []kmemleak.Leak, *Options) error
		}{{"Text", Text}, {"JSONLines", JSONLines}, {"JUnit", JUnit}, {"OpenMetrics", OpenMetrics}} {
			b.Run(form.name+"/"+reports.name, func(b *testing.B) {
				b.ReportAllocs()
				var n count
				for b.Loop() {
					n = 0
					if err := form.write(&n, reports.leaks, reports.opts); err != nil {
						b.Fatal(err)
					}
				}
				b.SetBytes(int64(n))
			})
		}
	}
}

// count is a writer that counts bytes.
type count int64

func (c *count) Write(b []byte) (int, error) {
	*c += count(len(b))
	return len(b), nil
}
