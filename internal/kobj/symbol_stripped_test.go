// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

// TestStripped strips modules and compares the sizes of what is left with those that are
// computed without stripping.
func TestStripped(t *testing.T) {
	for name, tool := range map[string]string{
		"x86_64.ko": "objcopy", "x86_64-sections.ko": "objcopy", "i386.ko": "objcopy", "clang-x86_64-dwarf5.ko": "objcopy",
		"arm64-dwarf5.ko": "aarch64-linux-gnu-objcopy", "arm-dwarf5.ko": "arm-linux-gnueabi-objcopy", "riscv64-dwarf5.ko": "riscv64-linux-gnu-objcopy",
		"ppc64le-dwarf5.ko": "powerpc64le-linux-gnu-objcopy", "s390x-dwarf5.ko": "s390x-linux-gnu-objcopy", "mips64-dwarf5.ko": "mips64-linux-gnuabi64-objcopy",
	} {
		need.Tools(t, "binutils and binutils-{aarch64,riscv64,powerpc64le,s390x}-linux-gnu binutils-arm-linux-gnueabi binutils-mips64-linux-gnuabi64", tool)
		path := filepath.Join("../../testdata/modules/arches", name)
		whole, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer whole.Close()
		for _, how := range []string{"--strip-unneeded", "--discard-all"} {
			out := filepath.Join(t.TempDir(), name)
			if b, err := exec.Command(tool, "--strip-debug", how, path, out).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, b)
			}
			stripped, err := Open(out)
			if err != nil {
				t.Fatal(err)
			}
			defer stripped.Close()
			table, err := whole.symbolTable()
			if err != nil {
				t.Fatal(err)
			}
			left, lost := 0, 0
			for i := range table.n {
				s, ok := whole.codeSymbol(table, i)
				if !ok || whole.visible([]byte(s.Name)) != shown {
					continue
				}
				want, err := stripped.Lookup(s.Name)
				if err != nil {
					t.Fatal(err)
				}
				got, ok := whole.Stripped(s)
				if ok != (len(want) > 0) {
					t.Errorf("%s %s: %s is left: %v, want %v", name, how, s.Name, ok, len(want) > 0)
					continue
				}
				if !ok {
					lost++
					continue
				}
				left++
				if z := stripped.Sizes(want[0]); got != z {
					t.Errorf("%s %s: %s has the sizes %+v, want %+v", name, how, s.Name, got, z)
				}
			}
			if left == 0 {
				t.Errorf("%s %s: %d symbols left, %d lost", name, how, left, lost)
			}
		}
	}
}
