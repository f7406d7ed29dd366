// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// TestModinfo reads what modules say of themselves, without .modinfo too.
func TestModinfo(t *testing.T) {
	const modules = "../../testdata/modules/"
	for _, tt := range []struct {
		name, path string
		objcopy    []string
		want       string // name, release, versions
	}{
		{"x86_64", modules + "hello_kernel/6.12-x86_64/hello-kernel.ko", nil, "hello_kernel 6.12.117 false"},
		{"i386", modules + "leaky/6.1-i386/leaky.ko", nil, "leaky 6.1.192 false"},
		{"before Linux 4.12", modules + "hello_kernel/6.12-x86_64/hello-kernel.ko", []string{"--rename-section=.modinfo=.other"}, "hello_kernel  false"},
		{"the same, of 32 bits", modules + "hello_kernel/6.1-i386/hello-kernel.ko", []string{"--rename-section=.modinfo=.other"}, "hello_kernel  false"},
		{"no module", modules + "arches/x86_64.ko", nil, "  false"},
		{"linked", modules + "arches/dwz5/one.elf", nil, "  false"},
		{"debug file", modules + "hello_kernel/6.12-x86_64/hello-kernel.ko", []string{"--only-keep-debug"}, "  false"},
	} {
		path := tt.path
		if tt.objcopy != nil {
			need.Tools(t, "binutils", "objcopy")
			path = filepath.Join(t.TempDir(), "x.ko")
			if out, err := exec.Command("objcopy", append(tt.objcopy, tt.path, path)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		release, versions := f.Vermagic()
		if diff := cmp.Diff(tt.want, fmt.Sprint(f.ModuleName(), " ", release, " ", versions)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
