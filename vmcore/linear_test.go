// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import "testing"

// TestLinear asks for what the kernel maps one to one, before and after it is known where.
func TestLinear(t *testing.T) {
	for _, name := range []string{"6.1-x86_64-qemu", "6.12-arm64-qemu"} {
		m, err := openBytes(t, fixture(t, "testdata/"+name))
		if err != nil {
			t.Fatal(err)
		}
		if addr, ok := m.Linear(0x1000); ok {
			t.Errorf("%s: %#x before it is relocated", name, addr)
		}
		symbols := readSymbols(t, "testdata/"+name+".symbols")
		if _, err := facts(m, symbols); err != nil {
			t.Fatal(err)
		}
		phys, err := m.Translate(symbols["linux_banner"] + m.Info().Offset)
		if err != nil {
			t.Fatal(err)
		}
		addr, ok := m.Linear(phys)
		if back, err := m.Translate(addr); !ok || err != nil || back != phys {
			t.Errorf("%s: %#x is at %#x, which is %#x, %v", name, phys, addr, back, err)
		}
		if addr, ok := m.Linear(1 << 50); ok {
			t.Errorf("%s: %#x is no memory", name, addr)
		}
	}
}
