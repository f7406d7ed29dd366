// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

const heldFile = "../testdata/modules/held/6.12-x86_64/held.ko"

// loadedHeld returns the module held as a kernel has it in memory: its variables, with sizes
// and sections of the file.
func loadedHeld(t *testing.T) (*Kernel, *module) {
	t.Helper()
	f, err := kobj.Open(heldFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	le := binary.LittleEndian
	table, names := make([]byte, 24), []byte{0}
	if err := f.EachData(func(s kobj.DataSymbol) {
		raw := make([]byte, 24)
		le.PutUint32(raw, uint32(len(names)))
		le.PutUint16(raw[6:], uint16(s.Section.Index))
		le.PutUint64(raw[8:], moduleAt+uint64(s.Section.Index)<<12+s.Value)
		le.PutUint64(raw[16:], s.Size)
		table = append(table, raw...)
		names = append(append(names, s.Name...), 0)
	}); err != nil {
		t.Fatal(err)
	}
	b := append(make([]byte, 0, 1<<17), table...)
	b = append(b, make([]byte, strtabAt-symtabAt-len(b))...)
	k := bytesAt(symtabAt, append(append(b, names...), make([]byte, 512)...))
	k.finder = &debugfile.Finder{Dirs: []string{heldFile}}
	m := &module{name: "held", id: f.BuildID(), parts: []modulePart{{base: moduleAt, size: 1 << 20}}, symtab: symtabAt, strtab: strtabAt, count: len(table) / 24}
	t.Cleanup(func() {
		if m.file != nil {
			m.file.close()
		}
	})
	return k, m
}

// TestModuleVariable names variables of a module, with fields of its file.
func TestModuleVariable(t *testing.T) {
	k, m := loadedHeld(t)
	if err := m.ready(k); err != nil {
		t.Fatal(err)
	}
	at := make(map[string]uint64)
	for _, s := range m.symbols {
		name, err := k.cString(m.strtab+uint64(s.name), 64)
		if err != nil {
			t.Fatal(err)
		}
		at[name] = s.addr
	}
	for _, c := range []struct{ variable, want, typ, section string }{
		{"held_global", "held_global", "void *", ".data"},
		{"held_state", "held_state.inner.object", "void *", ".bss"},
	} {
		addr := at[c.variable]
		if c.variable == "held_state" {
			addr += 16
		}
		name, typ, section, err := m.variable(t.Context(), k, addr)
		if name != c.want || typ != c.typ || section != c.section || err != nil {
			t.Errorf("%s: %q of %q in %q, %v", c.variable, name, typ, section, err)
		}
	}
	if name, _, _, err := m.variable(t.Context(), k, moduleAt-8); name != "" || err != nil {
		t.Errorf("in front of all: %q, %v", name, err)
	}
}

// TestModuleFileOther has files that are not those of the module: variables have the names
// that the kernel's own table has, and no fields.
func TestModuleFileOther(t *testing.T) {
	for what, change := range map[string]func(k *Kernel, m *module){
		"another build ID": func(_ *Kernel, m *module) { m.id = "00" + m.id[2:] },
		"another module":   func(k *Kernel, _ *module) { k.finder.Dirs = []string{"../testdata/modules/leaky/6.12-x86_64/leaky.ko"} },
		"no file":          func(k *Kernel, _ *module) { k.finder.Dirs = []string{t.TempDir()} },
		"no build ID, and variables of other sizes": func(k *Kernel, m *module) {
			m.id = ""
			if err := m.ready(k); err != nil {
				t.Fatal(err)
			}
			for i := range m.symbols {
				m.symbols[i].size++
			}
		},
	} {
		k, m := loadedHeld(t)
		change(k, m)
		if _, err := m.open(t.Context(), k); err == nil {
			t.Errorf("%s: no error", what)
		} else if what != "no file" && what != "another module" && what != "another build ID" && !errors.Is(err, ErrContradicted) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Without a build ID, equal variables will do.
	k, m := loadedHeld(t)
	m.id = ""
	if _, err := m.open(t.Context(), k); err != nil {
		t.Errorf("no build ID: %v", err)
	}
}
