// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var frameTests = []struct {
	text  string
	frame Frame
}{
	{"[<ffffffffac82d8ca>] kmemleak_alloc+0x4a/0xa0", Frame{Addr: 0xffffffffac82d8ca, Func: "kmemleak_alloc", Offset: 0x4a, Size: 0xa0}},
	{"    [<ffffffffc06591b8>] 0xffffffffc06591b8", Frame{Addr: 0xffffffffc06591b8}},
	{"[<801526bc>] __kmalloc+0x204/0x25c", Frame{Addr: 0x801526bc, Func: "__kmalloc", Offset: 0x204, Size: 0x25c}},
	{"[< c10b0001>] create_object+0x114/0x1db", Frame{Addr: 0xc10b0001, Func: "create_object", Offset: 0x114, Size: 0x1db}},
	{"[<00000000cd474082>] f+0xa/0x1e [hello_kernel]", Frame{Func: "f", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"}},
	{"[<00000000cd474082>] 0xffffffffc1a23022", Frame{Addr: 0xffffffffc1a23022}},
	{"[<0000000000000000>] f+0xa/0x1e", Frame{Func: "f", Offset: 0xa, Size: 0x1e}},
	{"[<(____ptrval____)>] f+0xa/0x1e", Frame{Func: "f", Offset: 0xa, Size: 0x1e}},
	{"[<        (ptrval)>] 0xe07fc012", Frame{Addr: 0xe07fc012}},
	{"[<          (null)>]           (null)", Frame{}},
	{"[ffffffff8144e3f5] f+0xa/0x1e", Frame{Addr: 0xffffffff8144e3f5, Func: "f", Offset: 0xa, Size: 0x1e}},
	{"f+0xa/0x1e [hello_kernel]\r", Frame{Func: "f", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"}},
	{"0xffffffffc03d4015", Frame{Addr: 0xffffffffc03d4015}},
	{"0x0", Frame{}},
	{"? f+0xa/0x1e", Frame{Func: "f", Offset: 0xa, Size: 0x1e}},
	{"[<c11a934c>] ? f+0xa/0x1e", Frame{Addr: 0xc11a934c, Func: "f", Offset: 0xa, Size: 0x1e}},
	{"f+0xa/0x1e (P)", Frame{Func: "f", Offset: 0xa, Size: 0x1e}},
	{"f+0xa/0x1e [m] (PC)", Frame{Func: "f", Offset: 0xa, Size: 0x1e, Module: "m"}},
	{"f+0xa/0x1e [m 0123456789abcdef0123456789abcdef01234567]", Frame{Func: "f", Offset: 0xa, Size: 0x1e, Module: "m", BuildID: "0123456789abcdef0123456789abcdef01234567"}},
	{"f+0xa/0x1e [m 0123456789abcdef0123456789abcdef01234567] (P)", Frame{Func: "f", Offset: 0xa, Size: 0x1e, Module: "m", BuildID: "0123456789abcdef0123456789abcdef01234567"}},
	{"f+0xa/0x1e [m] (drivers/foo/bar.c:123)", Frame{Func: "f", Offset: 0xa, Size: 0x1e, Module: "m", File: "drivers/foo/bar.c", Line: 123}},
	{"f+0x10", Frame{Func: "f", Offset: 0x10}},
	{"f", Frame{Func: "f"}},
	{".of_unittest+0x1f4/0x379c", Frame{Func: ".of_unittest", Offset: 0x1f4, Size: 0x379c}},
	{"foo.constprop.0.isra.1.cold+0x3/0x4", Frame{Func: "foo.constprop.0.isra.1.cold", Offset: 3, Size: 4}},
	{"foo$0123456789abcdef0123456789abcdef+0x3/0x4", Frame{Func: "foo$0123456789abcdef0123456789abcdef", Offset: 3, Size: 4}},
	{"_RNvNtCs1234_7mycrate3foo3bar+0x3/0x4 [rust_mod]", Frame{Func: "_RNvNtCs1234_7mycrate3foo3bar", Offset: 3, Size: 4, Module: "rust_mod"}},
	{"<kernel::Box<T> as core::ops::Drop>::drop+0x3/0x4", Frame{Func: "<kernel::Box<T> as core::ops::Drop>::drop", Offset: 3, Size: 4}},
	{"bpf_prog_6deef7357e7b4530_sd_fw_ingress+0x1/0x2", Frame{Func: "bpf_prog_6deef7357e7b4530_sd_fw_ingress", Offset: 1, Size: 2}},
	{"f+0x2a/0x40 mm/slub.c:4958", Frame{Func: "f", Offset: 0x2a, Size: 0x40, File: "mm/slub.c", Line: 4958}},
	{"[<00000000274d9a71>] new_nbp net/bridge/br_if.c:435 [inline]", Frame{Func: "new_nbp", File: "net/bridge/br_if.c", Line: 435, Inlined: true}},
	{"[<     inline     >] kzalloc linux/slab.h:1094", Frame{Func: "kzalloc", File: "linux/slab.h", Line: 1094, Inlined: true}},
	{"f (./include/linux/slab.h:600 kernel/seccomp.c:666) ext4", Frame{Func: "f", Module: "ext4", File: "kernel/seccomp.c", Line: 666}},
	{"f (kernel/seccomp.c:665 kernel/seccomp.c:666 (discriminator 3))", Frame{Func: "f", File: "kernel/seccomp.c", Line: 666}},
	{"f (kernel/seccomp.c:666 discriminator 3)", Frame{Func: "f", File: "kernel/seccomp.c", Line: 666}},
	{"f+0x1/0x2 ??:?", Frame{Func: "f", Offset: 1, Size: 2}},
	{"f+0x1/0x2 /src/x.c:12:7", Frame{Func: "f", Offset: 1, Size: 2, File: "/src/x.c", Line: 12}},
	{"f+0xffffffffffffffff/0xffffffffffffffff", Frame{Func: "f", Offset: 1<<64 - 1, Size: 1<<64 - 1}},
}

func TestParseFrame(t *testing.T) {
	for _, tt := range frameTests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseFrame(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.frame, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseFrameErrors(t *testing.T) {
	for _, text := range []string{
		"", " ", "two words", "f+0xg/0x1", "f+0x1/0xg", "f+0x11111111111111111/0x1", "+0x1/0x2", "f+", "f+0x", "f+0x1/", "f+0x1/0x",
		"[<", "[<ffffffff81687c97", "[<ffffffff81687c97>", "[<ffffffff81687c97>]", "[<ffff>] f+0x1/0x2", "[inline]", "[m]",
		"[<(secret)>] f+0x1/0x2", "f+0x1/0x2 [m", "f+0x1/0x2 [m] [n]", "f+0x1/0x2 [m n]", "f+0x1/0x2 tail", "f+0x1/0x2 (p)",
		"0xg", "0x", "0x12z", "7up+0x1/0x2", "<4>f+0x1/0x2", "<4><A as B>::c+0x1/0x2", "backtrace:", "comm \"x\", pid 1, jiffies 2", "00 00 00 00",
		"f\x00+0x1/0x2", "a b::c+0x1/0x2", "f+0x1/0x2 \xff.c:1", strings.Repeat("f", maxFrame+1),
	} {
		if f, err := ParseFrame(text); !errors.Is(err, ErrFormat) || f != (Frame{}) {
			t.Errorf("ParseFrame(%.40q) = %v, %v", text, f, err)
		}
	}
}
