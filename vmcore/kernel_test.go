// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// fakeSpace is memory of some words.
type fakeSpace map[uint64]uint64

func (s fakeSpace) ReadAt(p []byte, addr uint64) error {
	for i := range p {
		at := addr + uint64(i)
		w, ok := s[at&^7]
		if !ok {
			return &AbsentError{Addr: at, Cause: "not in the test"}
		}
		p[i] = byte(w >> (8 * (at & 7)))
	}
	return nil
}

func (s fakeSpace) Translate(addr uint64) (uint64, error) { return addr, nil }

func (s fakeSpace) Scan(_ context.Context, fn func(uint64, []byte)) error {
	for addr, w := range s {
		fn(addr, binary.LittleEndian.AppendUint64(nil, w))
	}
	return nil
}

func (s fakeSpace) Ranges() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		for addr := range s {
			if !yield(Range{addr, 8}) {
				return
			}
		}
	}
}

func (s fakeSpace) Info() Info { return Info{} }

// newFake returns a kernel with this memory, and none of a file.
func newFake(s fakeSpace) *Kernel { return &Kernel{mem: s, word: 8, order: binary.LittleEndian} }

// moduleTypes returns the types of a module, which has the headers of its kernel.
func moduleTypes(t testing.TB, kernel string) *dwarf.Layouts {
	t.Helper()
	f, err := kobj.Open(filepath.Join("../testdata/modules/held", kernel, "held.ko"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d, err := dwarf.New(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dwarf.NewLayouts(d)
}

func TestField(t *testing.T) {
	module, err := moduleTypes(t, "6.12-x86_64").Struct("module", "")
	if err != nil {
		t.Fatal(err)
	}
	task, err := moduleTypes(t, "6.12-x86_64").Struct("task_struct", "")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1<<14)
	name := fieldOf(module, "name")
	copy(b[name.off:], "held\x00rest")
	if got := name.text(b); got != "held" {
		t.Errorf("%q", got)
	}
	if got := name.text(b[:name.off+1]); got != "" {
		t.Errorf("cut off: %q", got)
	}
	pid := fieldOf(task, "pid")
	copy(b[pid.off:], []byte{0xff, 0xff, 0xff, 0xff, 0x55})
	if got := int64(pid.in(b)); got != -1 {
		t.Errorf("pid %d", got)
	}
	if got := pid.in(b[:pid.off+3]); got != 0 {
		t.Errorf("cut off: %d", got)
	}
	flag := fieldOf(task, "in_execve")
	if flag.bits != 1 {
		t.Fatalf("%+v", flag)
	}
	clear(b)
	b[flag.off] = 1 << flag.start
	if flag.in(b) != 1 || fieldOf(task, "in_iowait").in(b) != 0 {
		t.Errorf("in_execve %d, in_iowait %d", flag.in(b), fieldOf(task, "in_iowait").in(b))
	}
	if none := fieldOf(task, "no.such"); none.ok || none.in(b) != 0 || none.text(b) != "" {
		t.Errorf("%+v", none)
	}
}

// TestOpenKernel has files that cannot be those of a memory.
func TestOpenKernel(t *testing.T) {
	f, err := kobj.Open("../testdata/modules/held/6.12-x86_64/held.ko")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openKernel(fakeSpace{}, f, 0, new(debugfile.Finder)); !errors.Is(err, kobj.ErrFormat) {
		t.Errorf("a module: %v", err)
	}
}

func TestProblems(t *testing.T) {
	var p problems
	if p.add(nil); p.err() != nil {
		t.Errorf("%v", p.err())
	}
	for i := range maxProblems + 5 {
		p.add(fmt.Errorf("problem %d: %w", i, ErrDamaged))
	}
	err := p.err()
	if !errors.Is(err, ErrDamaged) || strings.Count(err.Error(), "\n") != maxProblems || !strings.HasSuffix(err.Error(), "and 5 more errors of this kind") {
		t.Errorf("%v", err)
	}
}
