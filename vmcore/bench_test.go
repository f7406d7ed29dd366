// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// benchLinear is where the memory of benchFile is mapped.
const benchLinear = 0xffff888000000000

// benchFile writes a dump of size bytes. A third are zeros, and a third structures of which
// each fourth word is a pointer.
func benchFile(b *testing.B, size int, format string) string {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	pages := make([][]byte, 64)
	for i := range pages {
		pages[i] = make([]byte, smallestPage)
		for at := 0; at < len(pages[i]) && i%3 != 0; at += 8 {
			switch {
			case i%3 == 1:
				binary.LittleEndian.PutUint64(pages[i][at:], random.Uint64())
			case at%32 == 0: // as pages of structures have it
				binary.LittleEndian.PutUint64(pages[i][at:], benchLinear+random.Uint64N(uint64(size)))
			}
		}
	}
	d := &dump{machine: 62, uname: "x86_64", block: smallestPage, pages: make(map[uint64][]byte)}
	d.notes = rawNotes([]note{{"CORE", 1, make([]byte, 336)}})
	for at := 0; at < size; at += smallestPage {
		d.pages[uint64(at)] = pages[random.IntN(len(pages))]
	}
	var data []byte
	if format == "elf" {
		data = d.elf()
	} else {
		data = d.kdump(packings[format])
	}
	name := filepath.Join(b.TempDir(), format)
	if err := os.WriteFile(name, data, 0o600); err != nil {
		b.Fatal(err)
	}
	return name
}

// BenchmarkScan reads all of a dump, in each format. Beside it: reading the file without
// looking at it, by one and by all processors.
func BenchmarkScan(b *testing.B) {
	const size = 512 << 20
	for _, format := range []string{"elf", "zlib", "snappy", "zstd"} {
		small := size
		if format != "elf" {
			small = size / 8
		}
		name := benchFile(b, small, format)
		m, err := Open(name)
		if err != nil {
			b.Fatal(err)
		}
		defer m.Close()
		b.Run(format+"/scan", func(b *testing.B) {
			b.SetBytes(int64(small))
			for b.Loop() {
				var n atomic.Int64
				if err := m.Scan(context.Background(), func(addr uint64, p []byte) { n.Add(int64(len(p))) }); err != nil || n.Load() != int64(small) {
					b.Fatal(n.Load(), err)
				}
			}
		})
		if format != "elf" {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		for _, c := range []struct {
			name    string
			readers int
		}{{"/plain-1", 1}, {"/plain-all", runtime.GOMAXPROCS(0)}} {
			b.Run(format+c.name, func(b *testing.B) {
				b.SetBytes(int64(small))
				for b.Loop() {
					var wg sync.WaitGroup
					for i := range c.readers {
						wg.Go(func() {
							buffer := make([]byte, scanChunk)
							part := int64(small / c.readers)
							for at := part * int64(i); at < part*int64(i+1); at += scanChunk {
								if _, err := f.ReadAt(buffer, at); err != nil && err != io.EOF {
									b.Error(err)
								}
							}
						})
					}
					wg.Wait()
				}
			})
		}
	}
}

// BenchmarkReadAt reads words at random virtual addresses.
func BenchmarkReadAt(b *testing.B) {
	for _, format := range []string{"ELF", "zlib"} {
		d, symbols := realDump(b, "6.1-x86_64-qemu", smallestPage)
		data := d.elf()
		if format != "ELF" {
			data = d.kdump(packings["zlib"])
		}
		name := filepath.Join(b.TempDir(), format)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			b.Fatal(err)
		}
		m, err := Open(name)
		if err != nil {
			b.Fatal(err)
		}
		defer m.Close()
		if _, err := facts(m, symbols); err != nil {
			b.Fatal(err)
		}
		addr := symbols["linux_banner"] + m.Info().Offset
		b.Run(format, func(b *testing.B) {
			var p [8]byte
			for b.Loop() {
				if err := m.ReadAt(p[:], addr); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
