// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// TestNewKernelI386 has the image of a kernel of 32 bits: the error says so, whatever the
// vmlinux is.
func TestNewKernelI386(t *testing.T) {
	m, err := openBytes(t, fixture(t, "testdata/6.1-i386-qemu-bare"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	k, err := NewKernel(t.Context(), m, Files{Vmlinux: "/nowhere"})
	if k != nil || !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "i386") {
		t.Errorf("%v, %v", k, err)
	}
}

// TestNewKernelFiles has files that are no vmlinux of the image.
func TestNewKernelFiles(t *testing.T) {
	m, err := openBytes(t, fixture(t, "testdata/6.1-x86_64-qemu"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for name, want := range map[string]error{
		"/nowhere/vmlinux": fs.ErrNotExist,
		"../testdata/modules/held/6.1-x86_64/held.ko": ErrContradicted, // by its build ID
	} {
		if k, err := NewKernel(t.Context(), m, Files{Vmlinux: name}); k != nil || !errors.Is(err, want) {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}
