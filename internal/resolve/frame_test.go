// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import "testing"

func TestSameID(t *testing.T) {
	const md5, sha1 = "55b952945f96191c3a0d432c885e70be", "814e2430aeba3f5ad5c1e0b2cdef0123456789ab"
	for _, tt := range []struct {
		printed, file string
		want          bool
	}{
		{sha1, sha1, true},
		{"814E2430AEBA3F5AD5C1E0B2CDEF0123456789AB", sha1, true},
		{"814e2430aeba", sha1, true},
		{md5, md5, true},
		{md5 + "00000000", md5, true},
		{md5 + "00000001", md5, false},
		{sha1 + "00", sha1, false},
		{"814e2430aebb", sha1, false},
	} {
		if got := sameID(tt.printed, tt.file); got != tt.want {
			t.Errorf("%s of %s: %v", tt.printed, tt.file, got)
		}
	}
}

func TestInterrupts(t *testing.T) {
	for f, want := range map[Frame]bool{
		{Func: "asm_sysvec_apic_timer_interrupt", Offset: 0x16, Size: 0x20}: true,
		{Func: "common_interrupt", Offset: 0xf, Size: 0xf}:                  true,
		{Func: "common_interrupt", Offset: 0x80, Size: 0xa0}:                false,
		{Func: "xen_hvm_callback_vector", Offset: 0xf, Size: 0x20}:          true,
		{Func: "el1h_64_irq", Offset: 0x64, Size: 0x68}:                     true,
		{Func: "handle_vint", Offset: 4, Size: 8}:                           true, // LoongArch
		{Func: "handle_tlb_load", Offset: 4, Size: 8}:                       true,
		{Func: "handle_tlbl", Offset: 4, Size: 8}:                           true, // MIPS
		{Func: "do_vint", Offset: 4, Size: 8}:                               false,
		{Func: "do_IRQ", Offset: 0x50, Size: 0xe0}:                          false,
	} {
		if got := interrupts(f); got != want {
			t.Errorf("%+v: %v", f, got)
		}
	}
}
