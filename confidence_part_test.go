// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

const inlines = `
void ext(void);
int gv;
static inline __attribute__((always_inline)) void inner(void)
{
	ext();
	gv++;
}
void outer(void)
{
	inner();
	gv--;
}
`

// Where a part of the debugging information is missing, the line is that of a
// function that nobody can name, and no fact about the one that is printed.
func TestBacktracePartOfDebug(t *testing.T) {
	for _, tt := range []struct {
		name, flags string
		damage      func(t *testing.T, path string)
		want        string
	}{
		{"whole", "-O1", func(*testing.T, string) {}, "consistent: inner 0.c:6 < outer 0.c:11"},
		{"split, whole", "-O1 -gsplit-dwarf", func(*testing.T, string) {}, "consistent: inner 0.c:6 < outer 0.c:11"},
		{"split, one half missing", "-O1 -gsplit-dwarf", func(t *testing.T, path string) {
			if err := os.Remove(filepath.Join(filepath.Dir(path), "0.dwo")); err != nil {
				t.Fatal(err)
			}
		}, "assumed: outer 0.c:6"},
		{"functions without addresses", "-O1", func(t *testing.T, path string) {
			if out, err := exec.Command("objcopy", "--remove-section=.rela.debug_info", path).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}, "assumed: outer 0.c:6"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := compile(t, tt.flags, inlines)
			at, size := returns(t, path, "outer", 0)
			tt.damage(t, path)
			s := &Symbolizer{Release: "0.0.1", Dirs: []string{path}}
			defer s.Close()
			calls := s.Backtrace([]Frame{{Func: "outer", Offset: at[0], Size: size, Module: "mod"}})
			if diff := cmp.Diff([]string{tt.want}, lines(calls)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got, want := calls[0].Err != nil, calls[0].Confidence < Consistent; got != want {
				t.Errorf("error %v with confidence %v", calls[0].Err, calls[0].Confidence)
			}
		})
	}
}

// The printed size is that of a function in which no call ends there: another one of
// this name, where one does, is not meant.
func TestBacktraceSizeOfAnother(t *testing.T) {
	const one = "void ext(void);\nstatic __attribute__((noinline)) void twin(void) { ext(); }\nvoid a(void) { twin(); ext(); }\n"
	const two = `
void ext(void);
extern volatile int gv;
static __attribute__((noinline)) void twin(void)
{
	gv = 1; gv = 2; gv = 3; gv = 4; gv = 5; gv = 6; gv = 7; gv = 8;
	ext();
}
void b(void) { twin(); ext(); }
`
	path := compile(t, "-O1 -fno-optimize-sibling-calls", one, two)
	_, size := returns(t, path, "twin", 0)
	at, other := returns(t, path, "twin", 1)
	if size == other || at[0] >= other {
		t.Fatalf("sizes %#x and %#x, call at %#x", size, other, at[0])
	}
	first, _ := returns(t, path, "twin", 0)
	s := &Symbolizer{Release: "0.0.1", Dirs: []string{path}}
	defer s.Close()
	got := lines(s.Backtrace([]Frame{{Func: "twin", Offset: first[0], Size: other, Module: "mod"}}))
	if diff := cmp.Diff([]string{"contradicted: twin 1.c:6"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A byte in the middle of an instruction is no nop that a call may have been.
func TestBacktraceNopInside(t *testing.T) {
	path := compile(t, "-O1", `
void ext(void);
void f(void)
{
	ext();
	asm volatile("mov $0x90, %%rax" ::: "rax");
	ext();
	asm volatile("nop");
}
`)
	file, err := kobj.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b, err := file.Contents(file.Section(".text"))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte{0x90, 0, 0, 0}) // in the first section, which f begins
	_, size := returns(t, path, "f", 0)
	s := &Symbolizer{Release: "0.0.1", Dirs: []string{path}}
	defer s.Close()
	c := s.Backtrace([]Frame{{Func: "f", Offset: uint64(at) + 1, Size: size, Module: "mod"}})[0]
	if at < 0 || c.Confidence != Contradicted {
		t.Errorf("at %#x: %v, %v", at, c.Confidence, c.Err)
	}
}

// What was interrupted is at the start of an instruction, which tells functions of
// one name apart.
func TestBacktraceInterruptedAt(t *testing.T) {
	const twin = `
void ext(void);
static __attribute__((noinline)) void twin(void)
{
	asm volatile(%q);
	ext();
	ext();
}
void %s(void) { twin(); ext(); }
`
	path := compile(t, "-O1", fmt.Sprintf(twin, ".byte 0x48,0xc7,0xc0,0x44,0x33,0x22,0x11", "a"), fmt.Sprintf(twin, ".byte 0x90,0x90,0x48,0x31,0xc0,0x90,0x90", "b"))
	at, size := returns(t, path, "twin", 0)
	s := &Symbolizer{Release: "0.0.1", Dirs: []string{path}}
	defer s.Close()
	mov := at[0] - 5 - 7
	for off, want := range map[uint64]string{
		mov:     "ambiguous: twin 0.c:5 or twin 1.c:5",
		mov + 1: "consistent: twin 1.c:5",
		mov + 3: "ambiguous: twin 0.c:5 or twin 1.c:5", // in neither, unless something was put there
		mov + 7: "ambiguous: twin 0.c:6 or twin 1.c:6",
	} {
		calls := s.Backtrace([]Frame{{Func: "asm_common_interrupt", Offset: 0x22, Size: 0x40}, {Func: "twin", Offset: off, Size: size, Module: "mod"}})
		if got := lines(calls[1:]); got[0] != want {
			t.Errorf("%#x: %s, want %s", off, got[0], want)
		}
	}
}
