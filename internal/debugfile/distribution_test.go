// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRemedy(t *testing.T) {
	const (
		debian = "=PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\n"
		ubuntu = "=ID=ubuntu\nID_LIKE=debian\n"
		fedora = "=NAME=\"Fedora Linux\"\nID=fedora\n"
		suse   = "=ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n"
		arch   = "=ID=arch\n"
	)
	const its = "for the kernel and its own modules: "
	tests := []struct{ name, system, release, want string }{
		{"Debian", debian, "6.1.0-56-amd64", its + "install linux-image-6.1.0-56-amd64-dbg"},
		{"Debian, backports", debian, "6.12.9+bpo-rt-arm64", its + "install linux-image-6.12.9+bpo-rt-arm64-dbg"},
		{"Debian, own kernel", debian, "6.12.0-rc1+", ""},
		{"Ubuntu", ubuntu, "6.8.0-49-generic", its + "install linux-image-unsigned-6.8.0-49-generic-dbgsym, or linux-image-6.8.0-49-generic-dbgsym, from ddebs.ubuntu.com"},
		{"Ubuntu, flavour of several words", ubuntu, "6.8.0-1009-aws-64k", its + "install linux-image-unsigned-6.8.0-1009-aws-64k-dbgsym, or linux-image-6.8.0-1009-aws-64k-dbgsym, from ddebs.ubuntu.com"},
		{"Ubuntu, mainline kernel", ubuntu, "6.8.0-060800-Generic", ""},
		{"Ubuntu, own version", ubuntu, "6.8-49-generic", ""},
		{"Ubuntu, own kernel", ubuntu, "6.8.0-rc1-generic", ""},
		{"Ubuntu, number for a flavour", ubuntu, "6.8.0-49-64k", ""},
		{"Ubuntu, own flavour", ubuntu, "6.8.0-49-generic+me", ""},
		{"Debian's on Ubuntu", ubuntu, "6.1.0+56-amd64", its + "install linux-image-6.1.0+56-amd64-dbg"},
		{"Fedora, own kernel", fedora, "6.11.4.fcx", ""},
		{"Fedora, later mark", fedora, "6.11.4.fcx.fc41.x86_64", its + "install kernel-debuginfo-6.11.4.fcx.fc41.x86_64 (dnf debuginfo-install kernel-6.11.4.fcx.fc41.x86_64)"},
		{"Fedora, nothing behind the plus", fedora, "6.11.4-301.fc41.x86_64+", ""},
		{"Fedora, changed debug kernel", fedora, "6.11.4-301.fc41.x86_64+debug+", ""},
		{"Fedora, mark behind the plus", fedora, "6.11.4+me.fc41", ""},
		{"Fedora", fedora, "6.11.4-301.fc41.x86_64", its + "install kernel-debuginfo-6.11.4-301.fc41.x86_64 (dnf debuginfo-install kernel-6.11.4-301.fc41.x86_64)"},
		{"Fedora, debug kernel", fedora, "6.11.4-301.fc41.x86_64+debug", its + "install kernel-debug-debuginfo-6.11.4-301.fc41.x86_64"},
		{"like Fedora", "=ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "5.14.0-503.el9.x86_64", its + "install kernel-debuginfo-5.14.0-503.el9.x86_64 (dnf debuginfo-install kernel-5.14.0-503.el9.x86_64)"},
		{"SUSE", suse, "6.11.3-1-default", its + "install kernel-default-debuginfo from the debug repository"},
		{"SUSE, longer flavour", suse, "6.11.3-1-rt_debug", its + "install kernel-rt_debug-debuginfo from the debug repository"},
		{"SUSE, own kernel", suse, "6.11.3-1-mydefault", ""},
		{"Arch, flavour", arch, "6.6.1-1-lts", its + "there is no package; DEBUGINFOD_URLS=https://debuginfod.archlinux.org may help"},
		{"Arch, own kernel", arch, "6.11.5-arch1", ""},
		{"Arch, own flavour", arch, "6.11.5-myarch1-1", ""},
		{"Arch, without a number", arch, "6.11.5-arch-1", ""},
		{"Arch, without a version", arch, "arch1-1", ""},
		{"Arch", arch, "6.11.5-arch1-1", its + "there is no package; DEBUGINFOD_URLS=https://debuginfod.archlinux.org may help"},
		{"nobody knows", "=ID=nixos\n", "6.6.1", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := plant(t, map[string]string{"etc/os-release": tt.system})
			f := &Finder{Root: root, Release: tt.release}
			if diff := cmp.Diff(tt.want, f.remedy()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			_, err := f.Open(t.Context(), "hello_kernel", "", false)
			if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "lib/modules/"+tt.release) {
				t.Errorf("error %v", err)
			}
		})
	}
}
