// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

// TestVisible goes through the names that kernels leave out of kallsyms.
func TestVisible(t *testing.T) {
	module, image := &File{Type: elf.ET_REL}, &File{Type: elf.ET_EXEC}
	for _, tt := range []struct {
		name          string
		module, image visibility
	}{
		{"", hidden, hidden},
		{"f", shown, shown},
		{".f", shown, shown}, // ppc64
		{".L3", hidden, hidden},
		{"$x", hidden, hidden},
		{"$d.12", hidden, hidden},
		{"$xrv64i2p1", varies, hidden},
		{"$", varies, hidden},
		{"L0", varies, hidden},
		{"L0\x01", varies, varies},
		{"L1", shown, shown},
		{"__pi_memcpy", shown, shown},
		{"__pi_.Lloop", shown, varies},
		{"__pi_$d", shown, varies},
		{"__kvm_nvhe_.L1", shown, hidden},
		{"__kvm_nvhe_f", shown, shown},
		{"__efistub_f", shown, hidden},
		{"__AArch64ADRPThunk_f", shown, hidden},
		{"__ThumbV7PILongThunk_f", shown, hidden},
		{"__f_Thunk_g", shown, shown},
		{"__Thunk_f", shown, shown},
		{"__pfx_f", shown, shown},
		{"__kcfi_typeid_f", shown, hidden},
		{"__crc_f", shown, hidden},
		{"__kstrtab_f", shown, hidden},
		{"__kstrtabf", shown, shown},
		{"f_veneer", shown, hidden},
		{"f_from_thumb", shown, hidden},
		{"f_from_arms", shown, shown},
		{"00000017.long_branch.f", shown, hidden},
		{"00000017.plt_branch.f", shown, hidden},
	} {
		if m, i := module.visible([]byte(tt.name)), image.visible([]byte(tt.name)); m != tt.module || i != tt.image {
			t.Errorf("%q: %d in modules and %d in images, want %d and %d", tt.name, m, i, tt.module, tt.image)
		}
	}
}

// TestHiddenSizes links an image with the labels of code that the kernel has prefixed, and
// makes a module of the same: the size of the function in front of them is that to the
// next symbol which the kernel has.
func TestHiddenSizes(t *testing.T) {
	const source = `
	.text
	.globl before, between, behind
	before: nop; nop
	.Lfirst: nop; nop
	between: nop
	.Lsecond: nop
	behind: nop
	.size before, 16
`
	dir := t.TempDir()
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	need.Tools(t, "binutils-aarch64-linux-gnu", "aarch64-linux-gnu-as", "aarch64-linux-gnu-ld", "aarch64-linux-gnu-objcopy")
	if err := os.WriteFile(filepath.Join(dir, "a.s"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	run("aarch64-linux-gnu-as", "-L", "-o", "a.ko", "a.s")
	run("aarch64-linux-gnu-objcopy", "--prefix-symbols=__pi_", "a.ko", "pi.o")
	run("aarch64-linux-gnu-ld", "-e", "0", "-Ttext=0x80200000", "-o", "vmlinux", "pi.o")
	for _, tt := range []struct {
		file, symbol string
		size         uint64
		want         SizeMatch
	}{
		{"vmlinux", "__pi_before", 16, SizeKernel},
		{"vmlinux", "__pi_before", 8, SizeKernel}, // Linux 6.1
		{"vmlinux", "__pi_before", 12, SizeDiffers},
		{"vmlinux", "__pi_between", 8, SizeKernel},
		{"vmlinux", "__pi_between", 4, SizeKernel},
		{"a.ko", "before", 16, SizeKernel},
		{"a.ko", "before", 8, SizeDiffers},
		{"a.ko", "between", 8, SizeKernel},
	} {
		f, err := Open(filepath.Join(dir, tt.file))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for _, lookups := range []int32{0, indexAfter} {
			f.symbols.lookups.Store(lookups)
			syms, err := f.Lookup(tt.symbol)
			if err != nil || len(syms) != 1 {
				t.Fatal(syms, err)
			}
			if z := f.Sizes(syms[0]); z.Match(tt.size) != tt.want || z.Max() < z.Next {
				t.Errorf("%s %s/%d: %d, want %d (%+v)", tt.file, tt.symbol, tt.size, z.Match(tt.size), tt.want, z)
			}
			last := syms[0].Offset + f.Sizes(syms[0]).Next - 1
			if s, ok := f.SymbolAt(syms[0].Section, last); !ok || s.Name != tt.symbol {
				t.Errorf("%s: %+v is at the end of %s", tt.file, s, tt.symbol)
			}
		}
	}
}
