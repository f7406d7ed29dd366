// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

// TestMarks looks up the instructions whose lines the compiler itself recorded (MARK in
// queue.h).
func TestMarks(t *testing.T) {
	for _, name := range fixtures(t, modules) {
		t.Run(strings.TrimPrefix(name, modules+"/"), func(t *testing.T) { testMarks(t, name) })
	}
}

// TestBuiltMarks does the same with fixtures that it builds.
func TestBuiltMarks(t *testing.T) {
	dir := builtFixtures(t)
	for _, name := range fixtures(t, dir) {
		t.Run(strings.TrimPrefix(name, dir+"/"), func(t *testing.T) { testMarks(t, name) })
	}
}

func testMarks(t *testing.T, name string) {
	f, d := open(t, name)
	truth, err := f.Debug("truth")
	if err != nil {
		t.Fatal(err)
	}
	if truth == nil {
		// MARK is C's, and dwz leaves it out of what it shares.
		if base := filepath.Base(name); base != "rust.ko" && base != "one.elf" {
			t.Error("no marks in this file")
		}
		return
	}
	marks := 0
	size := f.AddrSize()
	for off := uint64(0); off < uint64(len(truth.Bytes())); off += uint64(size) + 8 {
		addr, st, err := truth.Uint(off, size)
		if err != nil || st != kobj.Done {
			t.Fatalf("mark at %#x: %v, state %v", off, err, st)
		}
		line, _, _ := truth.Uint(off+uint64(size), 4)
		caller, _, _ := truth.Uint(off+uint64(size)+4, 4)
		loc, err := d.Lookup(addr - 1)
		if err != nil || loc.Err != nil {
			t.Fatalf("%#x, line %d: %v, %v", addr-1, line, err, loc.Err)
		}
		marks++
		if got := loc.Frames[0]; got.Line != int(line) {
			t.Errorf("%#x: got %+v, want line %d, caller %d", addr-1, got, line, caller)
		}
		if caller != 0 && (len(loc.Frames) < 2 || loc.Frames[1].Line != int(caller) || !loc.Frames[0].Inlined) {
			t.Errorf("%#x: got %+v, want line %d inlined at %d", addr-1, loc.Frames, line, caller)
		}
	}
	// The compilers copy some.
	if marks < 14 {
		t.Errorf("only %d marks", marks)
	}
}

// TestReturnAddresses looks up the return addresses that a program prints together with
// the lines of the calls.
func TestReturnAddresses(t *testing.T) {
	need.Tools(t, "gcc", "gcc")
	dir := t.TempDir()
	source := filepath.Join(dir, "calls.c")
	if err := os.WriteFile(source, []byte(callsSource()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range []string{
		"-O0 -gdwarf-5", "-O1 -gdwarf-3 -gstrict-dwarf", "-O2 -gdwarf-5", "-O2 -gdwarf-4 -gno-column-info", "-O2 -gdwarf-2",
		"-O3 -gdwarf-5 -ffunction-sections", "-Os -gdwarf-5 -gdwarf64", "-O2 -gdwarf-5 -gz=zlib",
	} {
		t.Run(flags, func(t *testing.T) {
			program := filepath.Join(dir, "calls")
			args := append(strings.Fields(flags), "-no-pie", "-o", program, source)
			if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
				t.Fatalf("gcc: %v\n%s", err, out)
			}
			out, err := exec.Command(program).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, d := open(t, program)
			calls := 0
			for text := range strings.Lines(string(out)) {
				var ret uint64
				var line int
				var name string
				if _, err := fmt.Sscanf(text, "0x%x %d %s", &ret, &line, &name); err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				loc, err := d.Lookup(ret - 1)
				if err != nil || loc.Err != nil {
					t.Fatalf("%#x: %v, %v", ret, err, loc.Err)
				}
				calls++
				got := Frame{Name: loc.Frames[0].Name, Line: loc.Frames[0].Line}
				if diff := cmp.Diff(Frame{Name: name, Line: line}, got); diff != "" {
					t.Errorf("%#x (-want +got):\n%s", ret, diff)
				}
			}
			if calls < 150 {
				t.Errorf("only %d calls", calls)
			}
		})
	}
}

// callsSource returns a program whose functions call mark, from all kinds of places,
// with the line and the name of the function they are in.
func callsSource() string {
	var b strings.Builder
	b.WriteString(`#include <stdio.h>
static volatile int zero;
__attribute__((noinline)) static int mark(int line, const char *func)
{
	printf("%p %d %s\n", __builtin_return_address(0), line, func);
	__asm__ volatile("");
	return zero;
}
#define MARK() mark(__LINE__, __func__)
`)
	for i := range 24 {
		kind := []string{"static inline __attribute__((always_inline))", "static __attribute__((noinline))", "static"}[i%3]
		fmt.Fprintf(&b, "%s int f%d(int n)\n{\n\tint sum = MARK();\n", kind, i)
		fmt.Fprintf(&b, "\tif (n == zero)\n\t\tsum +=\n\t\t\tMARK();\n")
		fmt.Fprintf(&b, "\tfor (int i = 0; i < 2; i++) {\n\t\tsum -= MARK(); if (sum)\n\t\t\tMARK();\n\t}\n")
		if i > 0 {
			fmt.Fprintf(&b, "\tsum += f%d(n) +\n\t\tMARK();\n", i/2)
		}
		if i%4 == 0 {
			fmt.Fprintf(&b, "\tswitch (n) {\n\tcase 1: sum += MARK(); break;\n\tcase 2:\n\t\tsum ^= MARK();\n\t}\n")
		}
		fmt.Fprintf(&b, "\treturn sum + 1;\n}\n")
	}
	b.WriteString("int main(void)\n{\n\tint sum = 0;\n")
	for i := range 24 {
		fmt.Fprintf(&b, "\tsum += f%d(%d);\n", i, i%3)
	}
	b.WriteString("\treturn sum == 12345;\n}\n")
	return b.String()
}
