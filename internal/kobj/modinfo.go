// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"strings"
)

// Modinfo returns the first value of a key in a module's section .modinfo, which holds
// key=value strings (include/linux/moduleinfo.h), or "" if there is none: in a debug file
// or a linked file, for example.
func (f *File) Modinfo(key string) string {
	for entry := range bytes.SplitSeq(f.moduleSection(".modinfo"), []byte{0}) {
		if value, ok := strings.CutPrefix(string(entry), key+"="); ok {
			return value
		}
	}
	return ""
}

// moduleSection returns the contents of a section that only modules have, or nil.
func (f *File) moduleSection(name string) []byte {
	s := f.Section(name)
	if f.Linked() || s == nil || s.Size > 1<<20 {
		return nil
	}
	b, err := f.Contents(s)
	if err != nil {
		return nil
	}
	return b
}

// ModuleName returns the name that the kernel knows a module by, or "" if the file does
// not tell. Before Linux 4.12 only the initialized struct module has it, behind its state
// and a list head (include/linux/module.h).
func (f *File) ModuleName() string {
	if name := f.Modinfo("name"); name != "" {
		return name
	}
	return string(cString(f.moduleSection(".gnu.linkonce.this_module"), uint64(3*f.AddrSize()), 64))
}

// Vermagic returns the release of the kernel that a module was made for, or "" if the
// file does not tell. If versions is true, the module has the checksums of the symbols
// that it uses, and kernels of other releases accept it too if theirs are the same
// (same_magic in kernel/module/version.c).
func (f *File) Vermagic() (release string, versions bool) {
	release, rest, _ := strings.Cut(f.Modinfo("vermagic"), " ")
	return release, strings.Contains(" "+rest+" ", " modversions ")
}

// ImageRelease returns the release of a kernel image, from the text that it prints first
// (linux_banner in init/version.c), or "" if the file does not tell.
func (f *File) ImageRelease() string {
	t, err := f.symbolTable()
	if err != nil || !f.Linked() {
		return ""
	}
	const name = "linux_banner\x00"
	for i := range t.n {
		at := int64(t.nameOffset(i))
		if at+int64(len(name)) > int64(len(t.strings)) || string(t.strings[at:at+int64(len(name))]) != name {
			continue
		}
		sym, ok := t.at(i)
		if !ok {
			continue
		}
		sec, off := f.SectionAt(sym.value)
		if sec == nil {
			continue
		}
		if b, err := f.Contents(sec); err == nil {
			if rest, ok := strings.CutPrefix(string(cString(b, off, 1<<10)), "Linux version "); ok {
				release, _, _ := strings.Cut(rest, " ")
				return release
			}
		}
	}
	return ""
}
