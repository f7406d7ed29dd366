// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseDialects(t *testing.T) {
	zeros := make([]byte, 8)
	tests := []struct {
		name, text string
		want       []Leak
	}{
		{"empty", "", nil},
		{"blank lines", "\n  \n", nil},
		{
			"2.6.31, no hex dump, no age, terminator",
			"unreferenced object 0xffff88003d97ca80 (size 128):\n" +
				"  comm \"swapper\", pid 1, jiffies 4294893000\n" +
				"  backtrace:\n" +
				"    [<ffffffff8110d7f5>] create_object+0x10a/0x22d\n" +
				"    [<ffffffffffffffff>] 0xffffffffffffffff\n",
			[]Leak{{
				Addr: 0xffff88003d97ca80, Size: 128, Comm: "swapper", PID: 1, Jiffies: 4294893000,
				Backtrace: []Frame{
					{Addr: 0xffffffff8110d7f5, Func: "create_object", Offset: 0x10a, Size: 0x22d},
					{Addr: 1<<64 - 1},
				},
			}},
		},
		{
			"2.6.33, 32 bit, age, hex dump",
			"unreferenced object 0xb5971f00 (size 176):\n" +
				"  comm \"kmodloader\", pid 326, jiffies 4294937906 (age 20379.570s)\n" +
				"  hex dump (first 8 bytes):\n" +
				"    00 00 00 00 00 00 00 00                          ........\n" +
				"  backtrace:\n" +
				"    [<801526bc>] __kmalloc_track_caller+0x204/0x25c\n",
			[]Leak{{
				Addr: 0xb5971f00, Size: 176, Comm: "kmodloader", PID: 326, Jiffies: 4294937906,
				Age: 20379*time.Second + 570*time.Millisecond, Data: zeros,
				Backtrace: []Frame{{Addr: 0x801526bc, Func: "__kmalloc_track_caller", Offset: 0x204, Size: 0x25c}},
			}},
		},
		{
			"4.15, hashed addresses",
			"unreferenced object 0xffff8881095f3ee0 (size 80):\n" +
				"  comm \"kworker/u8:2\", pid 837, jiffies 4294896698 (age 9867.428s)\n" +
				"  backtrace:\n" +
				"    [<000000006b948d7f>] add_rule+0xed/0x850 [rules_test]\n" +
				"    [<00000000cd474082>] 0xffffffffc1a23022\n" +
				"    [<0000000000000000>] kthread+0x27/0xa0\n" +
				"    [<        (ptrval)>] kthread+0x27/0xa0\n",
			[]Leak{{
				Addr: 0xffff8881095f3ee0, Size: 80, Comm: "kworker/u8:2", PID: 837, Jiffies: 4294896698,
				Age: 9867*time.Second + 428*time.Millisecond,
				Backtrace: []Frame{
					{Func: "add_rule", Offset: 0xed, Size: 0x850, Module: "rules_test"},
					{Addr: 0xffffffffc1a23022},
					{Func: "kthread", Offset: 0x27, Size: 0xa0},
					{Func: "kthread", Offset: 0x27, Size: 0xa0},
				},
			}},
		},
		{
			"6.1.192, no frames",
			"unreferenced object 0xffff888101a2b3c0 (size 32):\n" +
				"  comm \"softirq\", pid 0, jiffies 4294931867\n" +
				"  backtrace:\n" +
				"unreferenced object 0xffff888101a2b3e0 (size 32):\n" +
				"  comm \"hardirq\", pid 0, jiffies 4294931868\n" +
				"  backtrace:\n",
			[]Leak{
				{Addr: 0xffff888101a2b3c0, Size: 32, Comm: "softirq", Jiffies: 4294931867},
				{Addr: 0xffff888101a2b3e0, Size: 32, Comm: "hardirq", Jiffies: 4294931868},
			},
		},
		{
			"6.8, crc, restricted addresses",
			"unreferenced object 0xffff888101a2b3c0 (size 8):\n" +
				"  comm \"insmod\", pid 776, jiffies 4294682844\n" +
				"  hex dump (first 8 bytes):\n" +
				"    00 00 00 00 00 00 00 00                          ........\n" +
				"  backtrace (crc 0):\n" +
				"    [<ffffffff81687c97>] kmalloc_trace+0x297/0x310\n",
			[]Leak{{
				Addr: 0xffff888101a2b3c0, Size: 8, Comm: "insmod", PID: 776, Jiffies: 4294682844, Data: zeros,
				Checksum:  ptr(Checksum(0)),
				Backtrace: []Frame{{Addr: 0xffffffff81687c97, Func: "kmalloc_trace", Offset: 0x297, Size: 0x310}},
			}},
		},
		{
			"6.12, per-CPU before the header said so",
			"unreferenced object 0x607b97e9cab8 (size 8):\n" +
				"  comm \"iperf\", pid 4099, jiffies 4295000001\n" +
				"  hex dump (first 8 bytes on cpu 9):\n" +
				"    00 00 00 00 00 00 00 00                          ........\n" +
				"  backtrace (crc 1deeea82):\n" +
				"    pcpu_alloc_noprof+0x453/0xd80\n",
			[]Leak{{
				Addr: 0x607b97e9cab8, Size: 8, PerCPU: true, CPU: 9, Comm: "iperf", PID: 4099, Jiffies: 4295000001,
				Data: zeros, Checksum: ptr(Checksum(0x1deeea82)),
				Backtrace: []Frame{{Func: "pcpu_alloc_noprof", Offset: 0x453, Size: 0xd80}},
			}},
		},
		{
			"6.18, per-CPU, bare address",
			"unreferenced object (percpu) 0xc0fffa5b121048 (size 16):\n" +
				"  comm \"ip\", pid 4099, jiffies 4295000001\n" +
				"  backtrace (crc ffffffff):\n" +
				"    0xffffffffc11de07f\n",
			[]Leak{{
				Addr: 0xc0fffa5b121048, Size: 16, PerCPU: true, Comm: "ip", PID: 4099, Jiffies: 4295000001,
				Checksum: ptr(Checksum(0xffffffff)), Backtrace: []Frame{{Addr: 0xffffffffc11de07f}},
			}},
		},
		{
			"late 6.6, age and no brackets",
			"unreferenced object 0xffff888101a2b3c0 (size 32):\n" +
				"  comm \"a\", pid 5, jiffies 4294931867 (age 0.007s)\n" +
				"  backtrace:\n" +
				"    foo.isra.0+0x0/0x40\n",
			[]Leak{{
				Addr: 0xffff888101a2b3c0, Size: 32, Comm: "a", PID: 5, Jiffies: 4294931867, Age: 7 * time.Millisecond,
				Backtrace: []Frame{{Func: "foo.isra.0", Size: 0x40}},
			}},
		},
		{
			"indentation lost, padding in the brackets",
			tutorialReport,
			[]Leak{{
				Addr: 0xf7a3c000, Size: 512, Comm: "modprobe", PID: 2210, Jiffies: 871203,
				Age: 95*time.Second + 4*time.Millisecond,
				Data: []byte("\xd0\x0f\x00\x00\x01\x12\x00\x00\x10\x10\x00\x00\x01\x12\x00\x00" +
					"HI! \x01\x12\x00\x00~\x7f\x00\x00\x01\x12\x00\x00"),
				Backtrace: []Frame{
					{Addr: 0xc10a8101, Func: "create_object", Offset: 0x110, Size: 0x1d0},
					{Addr: 0xc10a44b9, Func: "vmalloc", Offset: 0x1c, Size: 0x1e},
					{Addr: 0xf8055021, Func: "lose", Offset: 0x21, Size: 0x23, Module: "lossy"},
					{Addr: 0xf8058012},
					{Addr: 0xc1001226, Func: "do_one_initcall", Offset: 0x71, Size: 0x113},
					{Addr: 0xffffffff},
				},
			}},
		},
		{
			"names that imitate the report",
			"unreferenced object 0xffff888101a2b3c0 (size 32):\n" +
				"  comm \"x\n  backtrace:\n\", pid 1, jiffies 2\n" +
				"  backtrace:\n" +
				"unreferenced object 0xffff888101a2b3e0 (size 32):\n" +
				"  comm \"\", pid 7, jiff\", pid -1, jiffies 3\n" +
				"  backtrace:\n" +
				"unreferenced object 0xffff888101a2b400 (size 32):\n" +
				"  comm \"\n\n\n\", pid 1, ji\", pid 4, jiffies 4\n" +
				"  backtrace:\n" +
				"unreferenced object 0xffff888101a2b420 (size 32):\n" +
				"  comm \"\xff\x1b[2J \"\t\", pid 5, jiffies 5\n" +
				"  backtrace:\n",
			[]Leak{
				{Addr: 0xffff888101a2b3c0, Size: 32, Comm: "x\n  backtrace:\n", PID: 1, Jiffies: 2},
				{Addr: 0xffff888101a2b3e0, Size: 32, Comm: "\", pid 7, jiff", PID: -1, Jiffies: 3},
				{Addr: 0xffff888101a2b400, Size: 32, Comm: "\n\n\n\", pid 1, ji", PID: 4, Jiffies: 4},
				{Addr: 0xffff888101a2b420, Size: 32, Comm: "\xff\x1b[2J \"\t", PID: 5, Jiffies: 5},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Parse(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
			crlf := strings.ReplaceAll(strings.ReplaceAll(tt.text, "\n", "\r\n"), "\x1b\r\n", "\x1b\n")
			if !strings.Contains(tt.name, "imitate") {
				got, err = Parse(iotest.OneByteReader(strings.NewReader(crlf)))
				if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
					t.Errorf("with CR LF: %v (-want +got):\n%s", err, diff)
				}
			}
		})
	}
}
