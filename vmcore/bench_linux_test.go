// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"golang.org/x/sys/unix"
)

// processorTime returns how long this process has run so far, in the kernel included.
func processorTime(b *testing.B) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkSearch looks for pointers to objects in a dump, in turns: only reading it, with
// one comparison for each word, and with the filter. It reports the processor time of each for
// a GB, which other processes disturb less than the time that passes, and how many times the
// filter's goes into the other's.
func BenchmarkSearch(b *testing.B) {
	const size = 512 << 20
	m, err := Open(benchFile(b, size, "elf"))
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for _, c := range []struct {
		name    string
		objects uint64
	}{{"1 object", 1}, {"1000 objects", 1000}} {
		s := search{known: make(map[uint64]*target)}
		var ranges []Range
		for i := range c.objects {
			t := s.targetAt(benchLinear+(i+1)*(size/(c.objects+1))&^63, &Object{Object: kmemleak.Object{Size: 64}})
			ranges = append(ranges, Range{t.addr, t.size})
		}
		f := newFilter(ranges)
		hits := func(p []byte, found *atomic.Int64, each func(fn func(v uint64))) {
			n := int64(0)
			each(func(v uint64) {
				if s.targetOf(v) != nil {
					n++
				}
			})
			found.Add(n)
		}
		var byWord, byFilter atomic.Int64
		ways := []func(addr uint64, p []byte){
			func(uint64, []byte) {},
			func(_ uint64, p []byte) {
				hits(p, &byWord, func(fn func(uint64)) {
					for i := 0; i+8 <= len(p); i += 8 {
						if v := binary.LittleEndian.Uint64(p[i : i+8]); v-f.first <= f.most {
							fn(v)
						}
					}
				})
			},
			func(_ uint64, p []byte) {
				hits(p, &byFilter, func(fn func(uint64)) { f.each(p, func(_ int, v uint64) { fn(v) }) })
			},
		}
		b.Run(c.name, func(b *testing.B) {
			took := make([]time.Duration, len(ways))
			n := 0
			for b.Loop() {
				n++
				for i, way := range ways {
					begun := processorTime(b)
					if err := m.Scan(context.Background(), way); err != nil {
						b.Fatal(err)
					}
					took[i] += processorTime(b) - begun
				}
			}
			for i, name := range []string{"read-s/GB", "words-s/GB", "filter-s/GB"} {
				b.ReportMetric(took[i].Seconds()/(size/1e9*float64(n)), name)
			}
			b.ReportMetric(float64(took[1])/float64(took[2]), "words/filter")
			b.ReportMetric(0, "ns/op")
		})
		if byWord.Load() != byFilter.Load() {
			b.Errorf("%d pointers by words, %d by the filter", byWord.Load(), byFilter.Load())
		}
	}
}
