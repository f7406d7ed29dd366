// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
)

// TestMemoryLeaks compares with what the kernel itself reported at the same moment.
func TestMemoryLeaks(t *testing.T) {
	d := openMemory(t)
	leaks, err := d.kernel.Leaks(t.Context())
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(d.report, leaks); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestMemoryDebugFile has a vmlinux with debugging information alone: what the kernel prints
// of a leak is then known from the memory.
func TestMemoryDebugFile(t *testing.T) {
	d := openMemory(t)
	objcopy := map[string]string{"amd64": "x86_64-linux-gnu-objcopy", "arm64": "aarch64-linux-gnu-objcopy"}[d.image.Info().GOARCH]
	need.Tools(t, "binutils-x86-64-linux-gnu binutils-aarch64-linux-gnu", objcopy)
	file := filepath.Join(t.TempDir(), "vmlinux")
	if out, err := exec.Command(objcopy, "--only-keep-debug", d.vmlinux, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	k, err := NewKernel(t.Context(), d.image, Files{Vmlinux: file})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	leaks, err := k.Leaks(t.Context())
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(d.report, leaks); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestMemoryOtherBuild has a vmlinux of another build: there are no answers.
func TestMemoryOtherBuild(t *testing.T) {
	d := openMemory(t)
	k, err := NewKernel(t.Context(), d.image, Files{Vmlinux: otherBuild(t, d)})
	if !errors.Is(err, ErrContradicted) {
		t.Errorf("%v", err)
	}
	if k != nil {
		t.Error("a kernel all the same")
	}
}

// damagedSpace is memory that lacks pages, or in which some words are wrong.
type damagedSpace struct {
	*Image
	absent func(page uint64) bool
	change func(p []byte, addr uint64)
}

func (s damagedSpace) ReadAt(p []byte, addr uint64) error {
	for page := addr >> pageShift; s.absent != nil && page <= (addr+uint64(len(p))-1)>>pageShift; page++ {
		if s.absent(page) {
			return &AbsentError{Addr: page << pageShift, Cause: "taken away by the test"}
		}
	}
	err := s.Image.ReadAt(p, addr)
	if err == nil && s.change != nil {
		s.change(p, addr)
	}
	return err
}

// damaged returns the same kernel with other memory.
func (d dumped) damaged(t *testing.T, s damagedSpace) *Kernel {
	t.Helper()
	s.Image = d.image
	file := openMemory(t).kernel.file
	k, err := openKernel(s, file, d.kernel.slide, d.kernel.finder)
	if err != nil {
		return nil
	}
	return k
}

// TestMemoryMissingPages takes pages away. What is still said is right, and there is an
// error whenever something is not said.
func TestMemoryMissingPages(t *testing.T) {
	d := openMemory(t)
	byAddr := make(map[uint64]kmemleak.Leak)
	for _, l := range d.report {
		byAddr[l.Addr] = l
	}
	random := rand.New(rand.NewPCG(1, 2))
	complete, refused := 0, 0
	for range 20 {
		share := 1 + random.Uint64N(200)
		seed := random.Uint64()
		k := d.damaged(t, damagedSpace{absent: func(page uint64) bool {
			return rand.New(rand.NewPCG(seed, page)).Uint64N(1000) < share
		}})
		if k == nil {
			refused++
			continue
		}
		leaks, err := k.Leaks(t.Context())
		for _, got := range leaks {
			want, ok := byAddr[got.Addr]
			if !ok {
				t.Fatalf("no such leak: %v", got)
			}
			if got.Data == nil {
				want.Data = nil
			}
			if got.Backtrace == nil {
				want.Backtrace = nil
			}
			for i, f := range got.Backtrace {
				if f.Func == "" && i < len(want.Backtrace) {
					want.Backtrace = slices.Clone(want.Backtrace)
					want.Backtrace[i] = f
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("(-want +got)\n%s", diff)
			}
		}
		if err == nil {
			complete++
			if diff := cmp.Diff(d.report, leaks); diff != "" {
				t.Fatalf("no error, but (-want +got)\n%s", diff)
			}
		}
	}
	t.Logf("complete %d, refused %d", complete, refused)
}

// TestMemoryMutated changes words of the kernel's data: nothing hangs or panics, and no
// object is there twice.
func TestMemoryMutated(t *testing.T) {
	d := openMemory(t)
	objects, err := d.kernel.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	failed := 0
	for range 20 {
		changed := make(map[uint64]byte)
		for range 1 + random.IntN(50) {
			o := &objects[random.IntN(len(objects))]
			changed[o.Meta+random.Uint64N(160)] = byte(1 + random.IntN(255))
		}
		k := d.damaged(t, damagedSpace{change: func(p []byte, addr uint64) {
			for at, x := range changed {
				if at-addr < uint64(len(p)) {
					p[at-addr] ^= x
				}
			}
		}})
		if k == nil {
			t.Fatal("the kernel was not opened")
		}
		got, err := k.Objects(t.Context())
		if err != nil {
			failed++
		} else if len(got) != len(objects) {
			t.Fatalf("%d objects and no error, want %d", len(got), len(objects))
		}
		seen := make(map[uint64]bool)
		for _, o := range got {
			if seen[o.Meta] {
				t.Fatalf("object at %#x twice", o.Meta)
			}
			seen[o.Meta] = true
		}
	}
	t.Logf("%d of 20 with an error", failed)
}
