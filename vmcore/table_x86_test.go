// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import "testing"

func TestWalkX86(t *testing.T) {
	testWalks(t, []walk{
		{"PAE page", paeTable(0x1020), tables{0x1038: 0x2001, 0x2008: 0x3003, 0x3010: 0x1_2345_6003}, 0xc0202345, 0x1_2345_6345, 1 << 12},
		{"PAE large page", paeTable(0x1000), tables{0x1018: 0x2001, 0x2008: 0x8_0020_0083}, 0xc0212345, 0x8_0021_2345, 1 << 21},
		{"PAE hole", paeTable(0x1000), tables{0x1018: 0x2001, 0x2008: 0}, 0xc0212345, absent, 0},
		{"i386 with PSE-36", i386Table(0x1000), tables{0x1c00: 0x0040_0083 | 3<<13}, 0xc0012345, 3<<32 | 0x0041_2345, 1 << 22},
		{"x86_64, 1 GiB", x86Table(0x1000, false, 0), tables{0x1888: 0x2003, 0x2008: 0x4000_0083}, 0xffff_8880_4123_4567, 0x4123_4567, 1 << 30},
		{"x86_64, not executable", x86Table(0x1000, false, 0), tables{0x1888: 0x2003, 0x2008: 1<<63 | 0x4000_0083}, 0xffff_8880_4123_4567, 0x4123_4567, 1 << 30},
		{"x86_64, encrypted", x86Table(0x1000, false, 1<<47), tables{0x1888: 1<<47 | 0x2003, 0x2008: 1<<47 | 0x4000_0083}, 0xffff_8880_4123_4567, 0x4123_4567, 1 << 30},
		{"x86_64, user's", x86Table(0x1000, false, 0), tables{}, 0x1000, absent, 0},
		{"x86_64, 5 levels", x86Table(0x1000, true, 0), tables{0x1888: 0x2003, 0x2000: 0x3003, 0x3000: 0x4000_0083}, 0xff11_0000_0123_4567, 0x4123_4567, 1 << 30},
	})
}
