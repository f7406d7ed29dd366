// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestObjectName(t *testing.T) {
	type name struct {
		Name string
		OK   bool
	}
	for base, want := range map[string]name{
		"hello-kernel.ko": {"hello_kernel", true}, "hello.ko.xz": {"hello", true}, "hello.ko.zst": {"hello", true},
		"hello.ko.gz": {"hello", true}, "hello.ko.debug": {"hello", true}, "hello.ko-6.12.1-1.x86_64.debug": {"hello", true},
		"vmlinux": {"", true}, "vmlinux-6.1": {"", true}, "vmlinux.xz": {"", true}, "vmlinux-6.1.debug": {"", true},
		"vmlinuz": {"", false}, "hello.o": {"", false}, "hello.ko.sig": {"", false}, "": {"", false}, "hello.ko-x": {"", false},
	} {
		n, ok := objectName(base)
		if got := (name{n, ok}); got != want && (ok || want.OK) {
			t.Errorf("%s: %v, want %v", base, got, want)
		}
	}
}

func TestParseList(t *testing.T) {
	tests := []struct {
		name, text string
		want       map[string]string
	}{
		{"none", "", map[string]string{}},
		{"modules.dep", "kernel/a-b.ko.xz: kernel/c.ko.xz kernel/d.ko.xz\nkernel/c.ko.xz:\n", map[string]string{"a_b": "kernel/a-b.ko.xz", "c": "kernel/c.ko.xz"}},
		{"modules.order", "drivers/a.ko\nfs/b.ko\n", map[string]string{"a": "drivers/a.ko", "b": "fs/b.ko"}},
		{"modules.order since 6.2", "drivers/a.o\nfs/b.o\n", map[string]string{"a": "drivers/a.ko", "b": "fs/b.ko"}},
		{"the first counts", "updates/a.ko:\nkernel/a.ko:\n", map[string]string{"a": "updates/a.ko"}},
		{"other things", "# comment\n\n\x00\xff\nvmlinux\n: a.ko\n", map[string]string{}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, parseList([]byte(tt.text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
