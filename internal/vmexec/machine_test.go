// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import "testing"

func TestMachineOf(t *testing.T) {
	for name, want := range map[string]string{
		"arches/x86_64.ko": "qemu-system-x86_64", "arches/i386.ko": "qemu-system-x86_64",
		"arches/arm64-dwarf5.ko": "qemu-system-aarch64", "arches/s390x-dwarf5.ko": "", "arches/main.c": "",
	} {
		m, err := machineOf("../../testdata/modules/" + name)
		if m.program != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", name, m.program, err, want)
		}
	}
}
