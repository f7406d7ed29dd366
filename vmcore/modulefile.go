// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"fmt"

	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// moduleFile is the object file of a module in the image.
type moduleFile struct {
	file  *kobj.File
	debug *dwarf.Data
	types *dwarf.Layouts
	data  map[string][]kobj.DataSymbol
}

func (f *moduleFile) close() error { return errors.Join(f.debug.Close(), f.file.Close()) }

// open returns the object file of a module, found as a Symbolizer finds it. It is of the
// module that is in the image: by its build ID or, where the kernel keeps none, because
// it has the same variables.
func (m *module) open(ctx context.Context, k *Kernel) (*moduleFile, error) {
	m.fileOnce.Do(func() {
		if m.file, m.fileErr = m.openFile(ctx, k); m.fileErr != nil {
			m.fileErr = fmt.Errorf("module %s: %w", m.name, m.fileErr)
		}
	})
	return m.file, m.fileErr
}

func (m *module) openFile(ctx context.Context, k *Kernel) (*moduleFile, error) {
	found, err := k.finder.Open(ctx, m.name, m.id, false)
	if err != nil {
		return nil, err
	}
	debug, err := dwarf.New(found.File, nil)
	if err != nil {
		return nil, errors.Join(err, found.File.Close())
	}
	f := &moduleFile{file: found.File, debug: debug, types: dwarf.NewLayouts(debug), data: make(map[string][]kobj.DataSymbol)}
	err = f.file.EachData(func(s kobj.DataSymbol) { f.data[s.Name] = append(f.data[s.Name], s) })
	if err == nil {
		err = m.same(k, f)
	}
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// same returns an error unless a file is that of the module.
func (m *module) same(k *Kernel, f *moduleFile) error {
	if id := f.file.BuildID(); m.id != "" && id != "" {
		if id != m.id {
			return fmt.Errorf("%w: the module in memory has build ID %s, %s has %s", ErrContradicted, m.id, f.file.Name, id)
		}
		return nil
	}
	if err := m.ready(k); err != nil {
		return err
	}
	compared := 0
	for _, s := range m.symbols {
		name, err := k.cString(m.strtab+uint64(s.name), maxSymbolic)
		if err != nil {
			return err
		}
		in := f.data[name]
		if len(in) == 0 {
			continue
		}
		compared++
		if !matches(s, in) {
			return fmt.Errorf("%w: %s has another variable %s than the module in memory", ErrContradicted, f.file.Name, name)
		}
	}
	if compared == 0 {
		return fmt.Errorf("%w: nothing shows that %s is the file of the module", ErrContradicted, f.file.Name)
	}
	return nil
}

// matches reports whether one of the symbols of a file is that of the module in memory.
func matches(s moduleSymbol, in []kobj.DataSymbol) bool {
	for _, x := range in {
		if x.Size == s.size && x.Section.Index == int(s.section) {
			return true
		}
	}
	return false
}

// variable names an address in the data of a module: the variable with the field, and its
// section.
func (m *module) variable(ctx context.Context, k *Kernel, addr uint64) (name, typ, section string, err error) {
	if err := m.ready(k); err != nil {
		return "", "", "", err
	}
	i, ok := m.before(addr)
	if !ok {
		return "", "", "", nil
	}
	s := m.symbols[i]
	if name, err = k.cString(m.strtab+uint64(s.name), maxSymbolic); err != nil || name == "" {
		return "", "", "", err
	}
	off := addr - s.addr
	if s.size > 0 && off >= s.size {
		return "", "", "", nil // between two variables
	}
	plain := name
	if off > 0 {
		plain = fmt.Sprintf("%s+%#x", name, off)
	}
	f, err := m.open(ctx, k)
	if err != nil {
		return plain, "", "", err
	}
	for _, x := range f.data[name] {
		if x.Section.Index != int(s.section) || x.Size != s.size {
			continue
		}
		section = x.Section.Name
		if g, found := f.types.VariableAt(x.Value); found && g.Name == name && off < max(g.Type.Size, 1) {
			path, at, rest := g.Type.Path(off)
			return withRest(name+path, rest), typeName(at), section, nil
		}
		break
	}
	return plain, "", section, nil
}

// withRest appends the offset into what a path names, if there is one.
func withRest(name string, rest uint64) string {
	if rest == 0 {
		return name
	}
	return fmt.Sprintf("%s+%#x", name, rest)
}

func typeName(t *dwarf.Layout) string {
	if t == nil {
		return ""
	}
	return t.Name
}
