// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak"
)

// module is a module that was loaded when the image was made.
type module struct {
	name  string
	parts []modulePart

	id     string // build ID in hex, "" if the kernel does not keep it
	perCPU Range  // its per-CPU variables, as per-CPU pointers

	symtab, strtab uint64
	count          int

	once    sync.Once
	symbols []moduleSymbol // by address, the first in the table first
	err     error

	fileOnce sync.Once
	file     *moduleFile
	fileErr  error
}

// modulePart is a piece of memory that a module has.
type modulePart struct {
	base, size uint64
	text       uint64 // bytes of code at its start, by which 6.1 bounds symbols; 0 if unknown
	data       bool   // it has no code
	init       bool   // freed once the module is loaded
}

type moduleSymbol struct {
	addr, size uint64
	name       uint32 // in the table of strings
	section    uint16
	i          int
}

const (
	maxModules       = 1 << 14
	maxModuleSymbols = 1 << 20
	maxModuleSize    = 1 << 30
)

// holds returns the part of the module that an address is in.
func (m *module) holds(addr uint64) (modulePart, bool) {
	for _, p := range m.parts {
		if addr-p.base < p.size {
			return p, true
		}
	}
	return modulePart{}, false
}

// loaded returns the modules, which are read once.
func (k *Kernel) loaded(ctx context.Context) ([]*module, error) {
	k.modulesMu.Lock()
	defer k.modulesMu.Unlock()
	if !k.modulesRead {
		k.modulesErr = k.settle(ctx, func() (err error) {
			k.modules, err = k.readModules(ctx)
			return err
		})
		k.modulesRead = ctx.Err() == nil
	}
	return k.modules, k.modulesErr
}

// moduleLayout is where a struct module has what is needed.
type moduleLayout struct {
	list, name, kallsyms, state field
	symtab, strtab, count       field
	id, perCPU, perCPUSize      field  // not in all kernels
	unformed                    uint64 // the state of modules that do not count yet
	parts                       []partLayout
}

type partLayout struct {
	base, size, text field
	data, init       bool
}

// Parts of a module that have code, of enum mod_mem_type in include/linux/module.h: nothing
// in debugging information has this type. They are the same since there is one.
const (
	partText     = 0
	partInitText = 4
)

func (k *Kernel) moduleLayout() (moduleLayout, uint64, error) {
	const source = "kernel/module/main.c"
	var l moduleLayout
	t, err := k.structOf("module", source, map[string]*field{"list": &l.list, "name": &l.name, "kallsyms": &l.kallsyms, "state": &l.state})
	if err != nil {
		return l, 0, err
	}
	if _, err := k.structOf("mod_kallsyms", source, map[string]*field{"symtab": &l.symtab, "num_symtab": &l.count, "strtab": &l.strtab}); err != nil {
		return l, 0, err
	}
	state, _ := t.Field("state")
	var ok bool
	if l.unformed, ok = state.Type().Enum("MODULE_STATE_UNFORMED"); !ok {
		return l, 0, fmt.Errorf("struct module.state: %w: no MODULE_STATE_UNFORMED", errors.ErrUnsupported)
	}
	l.id, l.perCPU, l.perCPUSize = fieldOf(t, "build_id"), fieldOf(t, "percpu"), fieldOf(t, "percpu_size")
	if mem, ok := t.Field("mem"); ok { // since 6.4
		array := mem.Type()
		elem := array.Elem()
		if elem == nil || elem.Size == 0 || array.Count > 64 {
			return l, 0, fmt.Errorf("struct module.mem: %w: %v", ErrDamaged, array)
		}
		base, size := fieldOf(elem, "base"), fieldOf(elem, "size")
		if !base.ok || !size.ok {
			return l, 0, fmt.Errorf("struct module_memory: %w: no base and size", errors.ErrUnsupported)
		}
		for i := range array.Count {
			p := partLayout{base: base, size: size, data: i != partText && i != partInitText}
			p.base.off += mem.Offset + i*elem.Size
			p.size.off += mem.Offset + i*elem.Size
			l.parts = append(l.parts, p)
		}
		return l, t.Size, nil
	}
	for _, name := range []string{"core_layout", "init_layout"} {
		p := partLayout{base: fieldOf(t, name+".base"), size: fieldOf(t, name+".size"), text: fieldOf(t, name+".text_size"), init: name == "init_layout"}
		if !p.base.ok || !p.size.ok || !p.text.ok {
			return l, 0, fmt.Errorf("struct module: %w: neither mem nor %s", errors.ErrUnsupported, name)
		}
		l.parts = append(l.parts, p)
	}
	return l, t.Size, nil
}

// readModules reads the modules, if the kernel can have any.
func (k *Kernel) readModules(ctx context.Context) ([]*module, error) {
	head, ok := k.symbol("modules")
	if !ok || !k.has("find_module") {
		return nil, nil
	}
	return k.modulesOf(ctx, head)
}

// modulesOf walks the kernel's list of modules.
func (k *Kernel) modulesOf(ctx context.Context, head uint64) ([]*module, error) {
	l, size, err := k.moduleLayout()
	if err != nil {
		return nil, fmt.Errorf("modules: %w", err)
	}
	table, err := k.types.Struct("mod_kallsyms", "kernel/module/main.c")
	if err != nil {
		return nil, fmt.Errorf("modules: %w", err)
	}
	var modules []*module
	var bad problems
	b, kallsyms := make([]byte, size), make([]byte, table.Size)
	err = k.list(ctx, "list of modules", head, func(entry uint64) error {
		at := entry - l.list.off
		if err := k.mem.ReadAt(b, at); err != nil {
			bad.add(fmt.Errorf("module at %#x: %w", at, err))
			return nil
		}
		if len(modules) >= maxModules {
			return fmt.Errorf("modules: %w: more than %d", ErrDamaged, maxModules)
		}
		if l.state.in(b) == l.unformed {
			return nil // the kernel names nothing in it either
		}
		m := &module{name: l.name.text(b), perCPU: Range{l.perCPU.in(b), l.perCPUSize.in(b)}}
		if f := l.id; f.ok && f.off+f.size <= uint64(len(b)) {
			if id := b[f.off : f.off+f.size]; len(bytes.Trim(id, "\x00")) > 0 {
				m.id = hex.EncodeToString(id)
			}
		}
		for _, p := range l.parts {
			part := modulePart{base: p.base.in(b), size: p.size.in(b), text: p.text.in(b), data: p.data, init: p.init}
			if part.base != 0 && part.size > 0 && part.size < maxModuleSize {
				m.parts = append(m.parts, part)
			}
		}
		if addr := l.kallsyms.in(b); addr == 0 {
			m.err = fmt.Errorf("module %s: no symbols", m.name)
		} else if err := k.mem.ReadAt(kallsyms, addr); err != nil {
			m.err = fmt.Errorf("symbols of module %s: %w", m.name, err)
		} else {
			m.symtab, m.strtab, m.count = l.symtab.in(kallsyms), l.strtab.in(kallsyms), int(l.count.in(kallsyms))
		}
		modules = append(modules, m)
		return nil
	})
	bad.add(err)
	return modules, bad.err()
}

// lookup names an address in a module as the kernel does (find_kallsyms_symbol in
// kernel/module/kallsyms.c): the nearest symbol before it and, for the size, the nearest
// behind it.
func (m *module) lookup(k *Kernel, addr uint64) (name string, offset, size uint64, err error) {
	part, ok := m.holds(addr)
	if !ok {
		return "", 0, 0, nil
	}
	if err := m.ready(k); err != nil {
		return "", 0, 0, err
	}
	end := part.base + part.size
	if part.text > 0 {
		end = part.base + part.text
	}
	i, ok := m.before(addr)
	if next := m.after(addr); next < len(m.symbols) && m.symbols[next].addr < end {
		end = m.symbols[next].addr
	}
	if !ok {
		return "", 0, 0, nil
	}
	s := m.symbols[i]
	if part.text == 0 && s.addr < part.base {
		return "", 0, 0, nil
	}
	name, err = k.cString(m.strtab+uint64(s.name), maxSymbolic)
	return name, addr - s.addr, end - s.addr, err
}

// ready reads the module's symbols, once.
func (m *module) ready(k *Kernel) error {
	m.once.Do(func() {
		if m.err == nil {
			m.err = m.load(k)
		}
	})
	return m.err
}

// after returns the number of the first symbol behind an address.
func (m *module) after(addr uint64) int {
	return sort.Search(len(m.symbols), func(i int) bool { return m.symbols[i].addr > addr })
}

// before returns the number of the last symbol that is not behind an address, the first
// of several at one place.
func (m *module) before(addr uint64) (int, bool) {
	i := m.after(addr) - 1
	for i > 0 && m.symbols[i-1].addr == m.symbols[i].addr {
		i--
	}
	return i, i >= 0
}

// load reads the module's table of symbols.
func (m *module) load(k *Kernel) error {
	const size = 24 // of an Elf64_Sym
	if m.count < 1 || m.count > maxModuleSymbols {
		return fmt.Errorf("symbols of module %s: %w: %d of them", m.name, ErrDamaged, m.count)
	}
	b := make([]byte, m.count*size)
	if err := k.mem.ReadAt(b, m.symtab); err != nil {
		return fmt.Errorf("symbols of module %s: %w", m.name, err)
	}
	for i := 1; i < m.count; i++ {
		raw := b[i*size:]
		name, section, value := uint32(number(raw[:4])), number(raw[6:8]), number(raw[8:16])
		if section == uint64(elf.SHN_UNDEF) {
			continue
		}
		text, err := k.cString(m.strtab+uint64(name), 4)
		if err != nil {
			return fmt.Errorf("names of symbols of module %s: %w", m.name, err)
		}
		if text == "" || mappingSymbol(text) {
			continue
		}
		m.symbols = append(m.symbols, moduleSymbol{value, number(raw[16:24]), name, uint16(section), i})
	}
	sort.Slice(m.symbols, func(i, j int) bool {
		a, b := m.symbols[i], m.symbols[j]
		return a.addr < b.addr || a.addr == b.addr && a.i < b.i
	})
	return nil
}

// mappingSymbol reports whether a symbol is one of those that say what kind of code
// follows, which the kernel does not print.
func mappingSymbol(name string) bool {
	return name[0] == '$' || strings.HasPrefix(name, ".L") || strings.HasPrefix(name, "L0")
}

// cString reads a string of at most n bytes. It is cut off where it is longer.
func (k *Kernel) cString(addr uint64, n int) (string, error) {
	const step = 64
	var s []byte
	for len(s) < n {
		// No read goes over the end of a page, behind which there may be nothing.
		size := min(step, n-len(s), 4096-int((addr+uint64(len(s)))&4095))
		b := make([]byte, size)
		if err := k.mem.ReadAt(b, addr+uint64(len(s))); err != nil {
			return "", err
		}
		for i, c := range b {
			if c == 0 {
				return string(append(s, b[:i]...)), nil
			}
		}
		s = append(s, b...)
	}
	return string(s), nil
}

// Modules returns the modules in the image, with their build IDs if the kernel keeps
// them, for the frames of [Kernel.Leaks].
func (k *Kernel) Modules(ctx context.Context) (modules []kmemleak.Module, err error) {
	var loaded []*module
	err = k.guard(func() error {
		loaded, err = k.loaded(ctx)
		return err
	})
	return described(loaded), err
}

func described(loaded []*module) (modules []kmemleak.Module) {
	for _, m := range loaded {
		modules = append(modules, kmemleak.Module{Name: m.name, BuildID: m.id})
	}
	return modules
}
