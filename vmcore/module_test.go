// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	moduleAt = 0xffffffffc0000000 // code and data of a module
	symtabAt = 0x10000
	strtabAt = 0x20000
)

// moduleSymbols returns memory with a module's table of symbols, as in a struct module.
func moduleSymbols() []byte {
	le := binary.LittleEndian
	b := make([]byte, strtabAt-symtabAt)
	names := []byte{0}
	n := 0
	add := func(name string, section uint16, value, size uint64) {
		raw := b[n*24:]
		le.PutUint32(raw, uint32(len(names)))
		le.PutUint16(raw[6:], section)
		le.PutUint64(raw[8:], value)
		le.PutUint64(raw[16:], size)
		names = append(append(names, name...), 0)
		n++
	}
	add("", 0, 0, 0)
	add("second", 1, moduleAt+0x40, 0x20)
	add("first", 1, moduleAt, 0x40)
	add("alias", 1, moduleAt+0x40, 0x20)
	add("$x", 1, moduleAt+0x50, 0)
	add(".Lbranch", 1, moduleAt+0x54, 0)
	add("undefined", 0, moduleAt+0x58, 0)
	return append(append(b, names...), make([]byte, 512)...)
}

func newTestModule() *module {
	return &module{name: "m", parts: []modulePart{{base: moduleAt, size: 0x1000}}, symtab: symtabAt, strtab: strtabAt, count: 7}
}

func TestModuleLookup(t *testing.T) {
	k := bytesAt(symtabAt, moduleSymbols())
	m := newTestModule()
	var got []string
	for _, addr := range []uint64{moduleAt - 1, moduleAt, moduleAt + 0x3f, moduleAt + 0x55, moduleAt + 0xfff, moduleAt + 0x1000} {
		name, offset, size, err := m.lookup(k, addr)
		got = append(got, fmt.Sprintf("%s+%#x/%#x %v", name, offset, size, err))
	}
	want := []string{
		"+0x0/0x0 <nil>", "first+0x0/0x40 <nil>", "first+0x3f/0x40 <nil>", "second+0x15/0xfc0 <nil>", "second+0xfbf/0xfc0 <nil>", "+0x0/0x0 <nil>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// Until 6.4 symbols end with the code.
	m.parts[0].text = 0x100
	if _, _, size, _ := m.lookup(k, moduleAt+0x55); size != 0xc0 {
		t.Errorf("size %#x", size)
	}
	for _, count := range []int{0, -1, maxModuleSymbols + 1} {
		m := newTestModule()
		m.count = count
		if _, _, _, err := m.lookup(k, moduleAt); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d symbols: %v", count, err)
		}
	}
}

// FuzzModuleSymbols changes bytes of a module's table of symbols.
func FuzzModuleSymbols(f *testing.F) {
	f.Add([]byte{}, uint32(7))
	f.Add([]byte{0, 24, 0xff, 0, 32, 0x80}, uint32(7))
	f.Add([]byte{}, uint32(1<<20))
	whole := moduleSymbols()
	f.Fuzz(func(t *testing.T, edits []byte, count uint32) {
		b := bytes.Clone(whole)
		for ; len(edits) >= 3; edits = edits[3:] {
			at := int(binary.BigEndian.Uint16(edits)) % (7*24 + 64)
			if at >= 7*24 {
				at += strtabAt - symtabAt - 7*24
			}
			b[at%len(b)] = edits[2]
		}
		m := newTestModule()
		m.count = int(count)
		k := bytesAt(symtabAt, b)
		for addr := uint64(moduleAt - 8); addr < moduleAt+0x1010; addr += 24 {
			name, offset, _, err := m.lookup(k, addr)
			if _, in := m.holds(addr); len(name) > maxSymbolic || err == nil && name != "" && (!in || offset > addr) {
				t.Errorf("%#x: %q+%#x", addr, name, offset)
			}
		}
	})
}

// FuzzModules has any memory where the list of modules should be, with the types of a real
// kernel.
func FuzzModules(f *testing.F) {
	layouts := moduleTypes(f, "6.12-x86_64")
	kernel := func(b []byte) *Kernel {
		k := bytesAt(0x1000, b)
		k.types = &types{Layouts: layouts}
		return k
	}
	l, size, err := kernel(nil).moduleLayout()
	if err != nil {
		f.Fatal(err)
	}
	// A list of one module, whose symbols are behind it.
	le := binary.LittleEndian
	b := make([]byte, 16+size+64)
	entry := 0x1010 + l.list.off
	for _, at := range []uint64{0, 8} {
		le.PutUint64(b[at:], entry)
		le.PutUint64(b[16+l.list.off+at:], 0x1000)
	}
	copy(b[16+l.name.off:], "fuzzed")
	le.PutUint64(b[16+l.kallsyms.off:], 0x1010+size)
	le.PutUint64(b[16+l.parts[0].base.off:], moduleAt)
	le.PutUint32(b[16+l.parts[0].size.off:], 0x1000)
	modules, err := kernel(b).modulesOf(f.Context(), 0x1000)
	if err != nil || len(modules) != 1 || modules[0].name != "fuzzed" || len(modules[0].parts) != 1 {
		f.Fatalf("%d modules, %v", len(modules), err)
	}
	for i, p := range l.parts {
		if hasCode := i == 0 || i == 4; p.data == hasCode { // MOD_TEXT, MOD_INIT_TEXT
			f.Errorf("part %d: data %v", i, p.data)
		}
	}
	b[16+l.state.off] = byte(l.unformed)
	if modules, err := kernel(b).modulesOf(f.Context(), 0x1000); err != nil || len(modules) != 0 || l.unformed == 0 {
		f.Errorf("a module that is not complete yet: %d modules, %v", len(modules), err)
	}
	b[16+l.state.off] = 0
	f.Add([]byte{}, uint16(len(b)))
	f.Add([]byte{0, 0, 0x20}, uint16(len(b)))
	f.Add([]byte{0, 16, 1, 0, 40, 0xff}, uint16(100))
	f.Fuzz(func(t *testing.T, edits []byte, n uint16) {
		b := bytes.Clone(b)
		for ; len(edits) >= 3; edits = edits[3:] {
			b[int(binary.BigEndian.Uint16(edits))%len(b)] = edits[2]
		}
		k := kernel(b[:min(int(n), len(b))])
		modules, _ := k.modulesOf(t.Context(), 0x1000)
		for _, m := range modules {
			for _, p := range m.parts {
				if p.size == 0 || p.size >= maxModuleSize {
					t.Errorf("%+v", p)
				}
			}
			_, _, _, _ = m.lookup(k, moduleAt+8)
		}
	})
}
