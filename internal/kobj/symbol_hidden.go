// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import "bytes"

// visibility says which kernels have a symbol in kallsyms.
type visibility uint8

const (
	hidden visibility = iota // none has it
	varies                   // some have it
	shown
)

// visible returns which kernels have a symbol of this name. For modules that is up to the
// kernel that loads them (is_mapping_symbol in include/linux/module_symbol.h, before Linux
// 6.4 is_arm_mapping_symbol), for images to scripts/mksysmap and scripts/kallsyms.c.
func (f *File) visible(name []byte) visibility {
	if len(name) == 0 {
		return hidden
	}
	switch name[0] {
	case '.':
		if len(name) > 1 && name[1] == 'L' {
			return hidden // assembler labels
		}
	case '$':
		// Marks of code and data. Of modules, old kernels know only those of arm.
		if f.Linked() || len(name) > 1 && bytes.IndexByte([]byte("axtd"), name[1]) >= 0 && (len(name) == 2 || name[2] == '.') {
			return hidden
		}
		return varies
	case 'L':
		if string(name) == "L0" && f.Linked() {
			return hidden
		}
		if len(name) > 1 && name[1] == '0' {
			return varies // assembler labels of LoongArch
		}
	}
	if f.Linked() {
		return visibleInImage(name)
	}
	return shown
}

// visibleInImage returns which kernel images list an ordinary name.
func visibleInImage(name []byte) visibility {
	if bytes.HasPrefix(name, []byte("__")) {
		rest := name[2:]
		// Half of the functions of a kernel have a second name that begins with __pfx_.
		if !bytes.HasPrefix(rest, []byte("pfx_")) {
			for _, p := range imagePrefixes {
				if bytes.HasPrefix(rest, p) {
					return hidden
				}
			}
		}
		// Labels of code that is compiled as position-independent on arm64 and riscv; images
		// before Linux 6.3 list them.
		if rest, ok := bytes.CutPrefix(rest, []byte("pi_")); ok && (bytes.HasPrefix(rest, []byte("$")) || bytes.HasPrefix(rest, []byte(".L"))) {
			return varies
		}
		if i := bytes.IndexByte(rest, '_'); i > len("Thunk") && bytes.HasSuffix(rest[:i], []byte("Thunk")) {
			return hidden // of lld
		}
	}
	for _, s := range imageSuffixes {
		if bytes.HasSuffix(name, s) {
			return hidden
		}
	}
	if bytes.IndexByte(name, '.') >= 0 && (bytes.Contains(name, []byte(".long_branch.")) || bytes.Contains(name, []byte(".plt_branch."))) {
		return hidden // stubs of powerpc
	}
	return shown
}

var (
	imagePrefixes = [][]byte{ // behind __
		[]byte("efistub_"), []byte("kvm_nvhe_$"), []byte("kvm_nvhe_.L"),
		[]byte("kcfi_typeid_"), []byte("kvm_nvhe___kcfi_typeid_"), []byte("pi___kcfi_typeid_"),
		[]byte("crc_"), []byte("kstrtab_"), []byte("kstrtabns_"),
	}
	imageSuffixes = [][]byte{[]byte("_from_arm"), []byte("_from_thumb"), []byte("_veneer")} // of arm's linker
)
