// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"testing"
)

// TestWrongSymbols asks with symbols of another kernel.
func TestWrongSymbols(t *testing.T) {
	for _, c := range [][2]string{
		{"6.1-x86_64-qemu", "6.12-x86_64-qemu-bare"},
		{"6.12-x86_64-qemu-bare", "6.1-x86_64-qemu"},
		{"6.1-x86_64-qemu", "6.1-i386-qemu-bare"},
		{"6.12-arm64-qemu", "6.1-x86_64-qemu"},
		{"7.3-x86_64-qemu", "6.12-x86_64-qemu-bare"},
		{"debian-6.1-x86_64-qemu-bare", "6.1-x86_64-qemu"},
	} {
		m, err := openBytes(t, fixture(t, "testdata/"+c[0]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := facts(m, readSymbols(t, "testdata/"+c[1]+".symbols")); !errors.Is(err, ErrRelocate) {
			t.Errorf("%s with the symbols of %s: %v", c[0], c[1], err)
		}
		if m.Info().Relocated {
			t.Errorf("%s is relocated with the symbols of %s", c[0], c[1])
		}
	}
}
