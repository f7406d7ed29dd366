// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "sync"

// texts are the strings that were made for results about a unit. The results share
// them.
type texts struct {
	mu    sync.Mutex
	named bool
	unit  string
	files map[uint64]File
	funcs map[uint64]funcName // by offset of the entry
}

type funcName struct{ name, linkage string }

// unitName returns the name of the unit.
func (u *unit) unitName() string {
	u.texts.mu.Lock()
	defer u.texts.mu.Unlock()
	if !u.texts.named {
		u.texts.named = true
		u.texts.unit = u.text(u.root.get(slotName))
	}
	return u.texts.unit
}

// file returns the path of the i-th file of the unit's line table.
func (u *unit) file(i uint64) File {
	u.texts.mu.Lock()
	defer u.texts.mu.Unlock()
	f, ok := u.texts.files[i]
	if !ok {
		f = u.readFile(u.lines(), i)
		if u.texts.files == nil {
			u.texts.files = make(map[uint64]File)
		}
		u.texts.files[i] = f
		u.o.d.charge(u, 96+len(f.CompDir)+len(f.Dir)+len(f.Name))
	}
	return f
}

// funcName returns the name and the linkage name of the function whose entry is at off.
func (u *unit) funcName(off uint64) funcName {
	u.texts.mu.Lock()
	defer u.texts.mu.Unlock()
	n, ok := u.texts.funcs[off]
	if !ok {
		var e entry
		if u.read(off, &e) == nil {
			n.name, n.linkage = u.names(&e)
		}
		if u.texts.funcs == nil {
			u.texts.funcs = make(map[uint64]funcName)
		}
		u.texts.funcs[off] = n
		u.o.d.charge(u, 80+len(n.name)+len(n.linkage))
	}
	return n
}

// maxHops is the largest number of references from entry to entry that are followed.
// Compilers make three or four; more is a cycle.
const maxHops = 16

// names returns the name and the linkage name of the entry e, which may be in entries
// that it refers to.
func (u *unit) names(e *entry) (name, linkage string) {
	var next entry
	for range maxHops {
		if name == "" {
			name = u.text(e.get(slotName))
		}
		if linkage == "" {
			linkage = u.text(e.get(slotLinkageName))
		}
		v := e.get(slotOrigin)
		if v.form == 0 {
			v = e.get(slotSpecification)
		}
		if v.form == 0 || name != "" && linkage != "" {
			break
		}
		to, off, ok := u.reference(v)
		if !ok || to.read(off, &next) != nil {
			break
		}
		u, e = to, &next
	}
	return name, linkage
}
