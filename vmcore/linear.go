// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

// Linear returns the virtual address of physical memory in the kernel's linear map, where
// pointers to objects lead. It is not ok if the kernel does not map the memory there, if
// its page tables cannot be read, or if the image is not relocated.
func (m *Image) Linear(phys uint64) (addr uint64, ok bool) {
	m.mu.RLock()
	t, linear, known := m.table, m.linear, m.linearKnown
	m.mu.RUnlock()
	if t == nil || !known {
		return 0, false
	}
	addr = phys + linear
	err := guard(func() error {
		found, _, err := t.walk(addr, m.memory.read)
		ok = err == nil && found == phys
		return nil
	})
	return addr, ok && err == nil
}

// findLinear finds out where the linear map begins.
func (m *Image) findLinear(t *table, symbols func(string) (uint64, bool)) (offset uint64, ok bool) {
	variable := func(name string) (uint64, bool) {
		addr, ok := symbols(name)
		if !ok {
			return 0, false
		}
		var b [8]byte
		if m.readBy(t, b[:], addr+m.info.Offset) != nil {
			return 0, false
		}
		return m.info.ByteOrder.Uint64(b[:]), true
	}
	switch m.info.GOARCH {
	case "amd64":
		if base, ok := variable("page_offset_base"); ok {
			return base, true
		}
		if len(t.steps) == 5 {
			return 0xff11000000000000, true
		}
		return 0xffff888000000000, true
	case "arm64":
		start, ok := m.vmcoreinfo.number("PHYS_OFFSET")
		if at, known := variable("memstart_addr"); known {
			start, ok = at, true
		}
		return ^uint64(0)<<(t.steps[0].shift+t.steps[0].bits) - start, ok
	}
	// The addresses of i386's kernel are those of the linear map.
	text, ok := symbols("_stext")
	if !ok {
		return 0, false
	}
	phys, _, err := t.walk(text+m.info.Offset, m.memory.read)
	return text + m.info.Offset - phys, err == nil
}
