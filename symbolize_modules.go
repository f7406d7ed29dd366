// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// errHidden is the error for addresses that the kernel shows as zero.
var errHidden = fmt.Errorf("the kernel hides the addresses of modules (not root, or kernel.kptr_restrict is 2): %w", fs.ErrPermission)

// loadedModules reads what a kernel says of its modules in proc/modules and
// sys/module.
//
// A section keeps its entry when its memory is freed: .init.text shows where the
// module's init function was.
func loadedModules(root fs.FS) ([]Module, error) {
	list, err := fs.ReadFile(root, "proc/modules")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("where modules are: %w (/proc is not mounted, or the kernel has no modules)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("where modules are: %w", err)
	}
	var modules []Module
	hidden := false
	for line := range strings.Lines(string(list)) {
		name, _, _ := strings.Cut(line, " ")
		dir := "sys/module/" + name
		entries, err := fs.ReadDir(root, dir+"/sections")
		if errors.Is(err, fs.ErrNotExist) {
			continue // unloaded since, or the kernel has no such files
		}
		if err != nil {
			return modules, err
		}
		m := Module{Name: name, Sections: make(map[string]uint64, len(entries))}
		for _, e := range entries {
			b, err := fs.ReadFile(root, dir+"/sections/"+e.Name())
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return modules, err
			}
			text := strings.TrimSpace(string(b))
			addr, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
			if err != nil {
				return modules, fmt.Errorf("%s/sections/%s: %w", dir, e.Name(), err)
			}
			if addr == 0 {
				// Per-CPU data is listed at its place in the section, 0 included.
				hidden = hidden || e.Name() == ".text" || e.Name() == ".init.text"
				continue
			}
			m.Sections[e.Name()] = addr
		}
		if b, err := fs.ReadFile(root, dir+"/notes/.note.gnu.build-id"); err == nil {
			m.BuildID = hex.EncodeToString(kobj.BuildID(b, binary.NativeEndian))
		}
		modules = append(modules, m)
	}
	if hidden {
		return modules, errHidden
	}
	return modules, nil
}

// module gives the entry of Modules for a module, nil if there is none.
func (s *Symbolizer) module(name string) *Module {
	for i := range s.Modules {
		if moduleName(s.Modules[i].Name) == moduleName(name) {
			return &s.Modules[i]
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

// loadedSection is a section in memory.
type loadedSection struct {
	addr   uint64
	name   string
	module *Module
}

// sectionsBelow gives the sections that start nearest at or below an address, the
// nearest first.
func (s *Symbolizer) sectionsBelow(addr uint64) []loadedSection {
	s.loadedOnce.Do(func() {
		for i := range s.Modules {
			m := &s.Modules[i]
			for name, at := range m.Sections {
				s.loaded = append(s.loaded, loadedSection{at, name, m})
			}
		}
		slices.SortFunc(s.loaded, func(a, b loadedSection) int {
			return cmp.Or(cmp.Compare(a.addr, b.addr), strings.Compare(a.name, b.name))
		})
	})
	i, _ := slices.BinarySearchFunc(s.loaded, addr, func(l loadedSection, addr uint64) int {
		if l.addr <= addr {
			return -1
		}
		return 1
	})
	// Empty sections share their address with the next one, and the memory of a
	// freed section may be that of another module now.
	near := slices.Clone(s.loaded[max(0, i-16):i])
	slices.Reverse(near)
	return near
}

// examineAddress fills in what a bare address means.
func (s *Symbolizer) examineAddress(q question, r *resolution) {
	f := q.frame
	switch {
	case f.Addr == 0:
		r.err = errors.New("the frame has neither a name nor an address")
		return
	case f.terminator():
		r.err = errors.New("not a frame, but the mark at a backtrace's end")
		return
	}
	var missing error
	near := s.sectionsBelow(f.Addr)
	for _, l := range near {
		err := s.examineIn(q, l, r)
		if missing == nil && err != nil && s.inside(f.Addr, l) {
			r.lost = l.module.Name
			missing = fmt.Errorf("inside of module %s, at %s+%#x: %w", l.module.Name, l.name, f.Addr-l.addr, err)
		}
	}
	switch {
	case len(r.answers) > 0 && r.err != nil:
		r.err = fmt.Errorf("%#x: %w", f.Addr, r.err)
	case len(distinct(r.answers)) == 1 && r.err == nil && r.answers[0].nopos != nil:
		r.err = fmt.Errorf("%#x: %w", f.Addr, r.answers[0].nopos)
	case len(r.answers) > 0:
	case missing != nil:
		r.err = fmt.Errorf("%#x: %w", f.Addr, missing)
	case len(s.Modules) == 0:
		r.err = fmt.Errorf("%#x: a bare address, and it is not known where modules lay in memory", f.Addr)
	case len(s.loaded) == 0:
		r.err = fmt.Errorf("%#x: a bare address, and no module comes with its sections: %w", f.Addr, errHidden)
	default:
		r.err = fmt.Errorf("%#x: in none of the %d known modules", f.Addr, len(s.Modules))
	}
}

// inside reports whether an address behind the start of a section is in the
// memory of the section's module, as far as that can be told without the module's
// file: in the same page, or in front of another section of the module.
func (s *Symbolizer) inside(addr uint64, l loadedSection) bool {
	if addr-l.addr < barePage-l.addr%barePage {
		return true
	}
	i, _ := slices.BinarySearchFunc(s.loaded, addr, func(l loadedSection, addr uint64) int {
		if l.addr <= addr {
			return -1
		}
		return 1
	})
	return i < len(s.loaded) && i > 0 && s.loaded[i].module == l.module && s.loaded[i-1].module == l.module
}

// examineIn looks whether a bare address lies in a section. An error says that
// this could not be found out.
func (s *Symbolizer) examineIn(q question, l loadedSection, r *resolution) error {
	f := q.frame
	s.mayLoad(l.module.Name)
	o, err := s.acquire(l.module.Name, l.module.BuildID)
	if err != nil {
		return err
	}
	defer s.releaseObject(o)
	sec := o.file.Section(l.name)
	if sec == nil || !sec.Executable() || f.Addr-l.addr > sec.Size {
		return nil
	}
	c := candidate{section: sec, offset: f.Addr - l.addr, exact: q.exact}
	named := f
	// A call may be the last instruction of a function.
	if sym, ok := o.file.SymbolAt(sec, max(c.offset, 1)-1); ok {
		c.entry, named.Func = sym.Addr(), sym.Name
	}
	o.findCall(&c, false)
	a := s.answer(o, named, c)
	a.same, a.sized = true, true
	if c.denied != nil && len(r.answers) > 0 {
		return nil // another section fits better
	}
	if r.err != nil {
		r.answers = nil // this one fits better
	}
	r.err = c.denied
	same, err := o.sameBuild(l.module.BuildID)
	r.sameID = same
	if err != nil {
		r.err = err
	}
	r.object, r.lost = o.path, l.module.Name
	r.answers = append(r.answers, a)
	return nil
}
