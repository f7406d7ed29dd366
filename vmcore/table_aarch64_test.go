// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import "testing"

func TestWalkAarch64(t *testing.T) {
	testWalks(t, []walk{
		{"arm64, 64 KiB", aarch64Table(0x10000, 16, 48), tables{0x101f8: 0x2_0003, 0x2_0000: 0x3_0003, 0x3_0008: 0x5_0703}, 0xffff_fc00_0001_2345, 0x5_2345, 1 << 16},
		{"arm64, 64 KiB, a block", aarch64Table(0x10000, 16, 48), tables{0x101f8: 0x2_0003, 0x2_0008: 0x8000_0701}, 0xffff_fc00_2001_2345, 0x8001_2345, 1 << 29},
		{"arm64, 64 KiB, 52 bits", aarch64Table(0x10000, 16, 48), tables{0x101f8: 0x2_0003, 0x2_0000: 0x3_0003, 0x3_0008: 0x5_a703}, 0xffff_fc00_0001_2345, 10<<48 | 0x5_2345, 1 << 16},
		{"arm64, 16 KiB", aarch64Table(0x4000, 14, 47), tables{0x7ff8: 0x8003, 0x8008: 0x4_0003, 0x4_0010: 0x8_0703}, 0xffff_fff0_0200_a345, 0x8_2345, 1 << 14},
		{"arm64, 39 bits", aarch64Table(0x1000, 12, 39), tables{0x1ff8: 0x4000_0701}, 0xffff_ffff_c123_4567, 0x4123_4567, 1 << 30},
		{"arm64, no block in the last level", aarch64Table(0x1000, 12, 39), tables{0x1ff8: 0x2003, 0x2048: 0x3003, 0x31a0: 0x5001}, 0xffff_ffff_c123_4567, absent, 0},
		{"arm64, user's", aarch64Table(0x1000, 12, 48), tables{}, 0x7fff_0000_0000, absent, 0},
	})
}
