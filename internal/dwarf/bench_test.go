// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// BenchmarkWarm looks up one address with three inlined calls repeatedly.
func BenchmarkWarm(b *testing.B) {
	f, d := open(b, filepath.Join(modules, "x86_64.ko"))
	var pc uint64
	for _, s := range text(f) {
		for at := s.Addr; at < s.Addr+s.Size && pc == 0; at++ {
			if loc, err := d.Lookup(at); err == nil && len(loc.Frames) == 3 {
				pc = at
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Lookup(pc); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCold opens a module for one lookup.
func BenchmarkCold(b *testing.B) {
	name := filepath.Join(modules, "x86_64.ko")
	b.ReportAllocs()
	for b.Loop() {
		f, err := kobj.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		d, err := New(f, alternates(f))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Lookup(f.Section(".text").Addr); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// vmlinux returns the kernel that the variable names, or one that the tests build.
func vmlinux(b *testing.B) string {
	b.Helper()
	if name := os.Getenv("KMEMLEAK_VMLINUX"); name != "" {
		return name
	}
	cache, _ := os.UserCacheDir() // "" if there is none
	names, _ := filepath.Glob(filepath.Join(cache, "kmemleak", "kernels", "*x86_64*", "vmlinux"))
	if len(names) == 0 {
		b.Skip("no vmlinux (try: make integration, or KMEMLEAK_VMLINUX set to one with debugging information)")
	}
	return names[0]
}

// BenchmarkVmlinuxCold opens a kernel for one lookup.
func BenchmarkVmlinuxCold(b *testing.B) {
	name := vmlinux(b)
	b.ReportAllocs()
	for b.Loop() {
		f, err := kobj.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		d, err := New(f, alternates(f))
		if err != nil {
			b.Fatal(err)
		}
		s := f.Section(".text")
		if _, err := d.Lookup(s.Addr + s.Size/3); err != nil {
			b.Fatal(err)
		}
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVmlinux5000 looks up 5,000 addresses all over a kernel that was just
// opened.
func BenchmarkVmlinux5000(b *testing.B) {
	name := vmlinux(b)
	b.ReportAllocs()
	for b.Loop() {
		f, err := kobj.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		d, err := New(f, alternates(f))
		if err != nil {
			b.Fatal(err)
		}
		s := f.Section(".text")
		rng := rand.New(rand.NewPCG(1, 2))
		for range 5000 {
			_, _ = d.Lookup(s.Addr + rng.Uint64N(s.Size))
		}
		b.ReportMetric(float64(len(d.cache.units)), "units")
		b.ReportMetric(float64(d.cache.size), "kept-bytes")
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
