// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import "testing"

func TestVmcoreinfo(t *testing.T) {
	v := parseVmcoreinfo([]byte("OSRELEASE=6.1=x\nSYMBOL(_stext)=ffffffff81000000\nNUMBER(phys_base)=-16777216\nNUMBER(sme_mask)=0\n" +
		"NUMBER(kimage_voffset)=0xffff7fffc0000000\nKERNELOFFSET=3ca00000\nnothing\nCONFIG_X86_PAE=y\x00\x00"))
	for _, c := range []struct {
		name string
		got  func() (uint64, bool)
		want uint64
		ok   bool
	}{
		{"symbol", func() (uint64, bool) { return v.symbol("_stext") }, 0xffffffff81000000, true},
		{"negative", func() (uint64, bool) { return v.number("phys_base") }, ^uint64(16777215), true},
		{"zero", func() (uint64, bool) { return v.number("sme_mask") }, 0, true},
		{"base 16", func() (uint64, bool) { return v.number("kimage_voffset") }, 0xffff7fffc0000000, true},
		{"no 0x", func() (uint64, bool) { return v.hex("KERNELOFFSET") }, 0x3ca00000, true},
		{"missing", func() (uint64, bool) { return v.number("VA_BITS") }, 0, false},
		{"missing symbol", func() (uint64, bool) { return v.symbol("jiffies") }, 0, false},
	} {
		if got, ok := c.got(); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %#x, %v", c.name, got, ok)
		}
	}
	if v["OSRELEASE"] != "6.1=x" || v["CONFIG_X86_PAE"] != "y" || len(v) != 7 {
		t.Errorf("%q", v)
	}
}
