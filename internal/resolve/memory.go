// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak/internal/debugfile"
)

// Module is where a module is, or was, in memory; see the type of this name of
// package kmemleak.
type Module struct {
	Name     string
	Sections map[string]uint64
	BuildID  string
}

// ErrHidden is the error for addresses that the kernel shows as zero.
var ErrHidden = fmt.Errorf("the kernel hides the addresses of modules (not root, or kernel.kptr_restrict is 2): %w", fs.ErrPermission)

// memory is where modules were.
type memory struct {
	modules []Module

	once   sync.Once
	loaded []loadedSection // by address
}

// module returns the entry of a module, nil if there is none.
func (m *memory) module(name string) *Module {
	for i := range m.modules {
		if ModuleName(m.modules[i].Name) == ModuleName(name) {
			return &m.modules[i]
		}
	}
	return nil
}

// hasCode reports whether it is known where the module's code is.
func (m *Module) hasCode() bool {
	for name := range m.Sections {
		if strings.Contains(name, "text") {
			return true
		}
	}
	return false
}

// loads reports whether all sections of a module that were in memory are of the build.
func (m *memory) loads(name string, b debugfile.Build) bool {
	module := m.module(name)
	if module == nil {
		return true
	}
	for section := range module.Sections {
		if !b.Loads(section) {
			return false
		}
	}
	return true
}

// loadedSection is a section in memory.
type loadedSection struct {
	addr   uint64
	name   string
	module *Module
}

// below returns the sections that start nearest at or below an address, the
// nearest first.
func (m *memory) below(addr uint64) []loadedSection {
	m.once.Do(func() {
		for i := range m.modules {
			module := &m.modules[i]
			for name, at := range module.Sections {
				m.loaded = append(m.loaded, loadedSection{at, name, module})
			}
		}
		sort.Slice(m.loaded, func(i, j int) bool {
			a, b := &m.loaded[i], &m.loaded[j]
			return cmp.Or(cmp.Compare(a.addr, b.addr), strings.Compare(a.name, b.name)) < 0
		})
	})
	i := m.after(addr)
	// Empty sections share their address with the next one, and the memory of a
	// freed section may be that of another module now.
	near := slices.Clone(m.loaded[max(0, i-16):i])
	slices.Reverse(near)
	return near
}

// after returns the index of the first section that starts behind an address.
func (m *memory) after(addr uint64) int {
	i, _ := slices.BinarySearchFunc(m.loaded, addr, func(l loadedSection, addr uint64) int {
		if l.addr <= addr {
			return -1
		}
		return 1
	})
	return i
}

// inside reports whether an address behind the start of a section is in the memory of
// the section's module, as far as is known without the module's file: in the same
// page, or in front of another section of the module.
func (m *memory) inside(addr uint64, l loadedSection) bool {
	if addr-l.addr < barePage-l.addr%barePage {
		return true
	}
	i := m.after(addr)
	return i < len(m.loaded) && i > 0 && m.loaded[i].module == l.module && m.loaded[i-1].module == l.module
}
