// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "sync"

// texts are the strings that were made for results. The results share them: most names
// and paths of a kernel are in many units.
type texts struct {
	mu   sync.RWMutex
	all  map[textKey]string
	size int // bytes
}

type textKey struct {
	o       *object
	section int
	off     uint64
}

// maxTexts is the size at which they are forgotten.
const maxTexts = 2 << 20

// textAt returns the string at an offset of a section.
func (o *object) textAt(section int, off uint64) string {
	t := &o.d.texts
	key := textKey{o, section, off}
	t.mu.RLock()
	s, ok := t.all[key]
	t.mu.RUnlock()
	if ok {
		return s
	}
	s = o.section(section).text(off)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil || t.size > maxTexts {
		t.all, t.size = make(map[textKey]string), 0
	}
	t.all[key] = s
	t.size += len(s) + 80
	return s
}

// namesAt returns the name and the linkage name of the function whose entry is at off.
func (u *unit) namesAt(off uint64) (name, linkage string) {
	var e entry
	if u.read(off, &e) != nil {
		return "", ""
	}
	return u.names(&e)
}

// names returns the name and the linkage name of the entry e, which may be in entries
// that it refers to.
func (u *unit) names(e *entry) (name, linkage string) {
	var next entry
	for range maxHops {
		u.appendNames(e, &name, &linkage)
		v := e.origin()
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

// appendNames fills in the names that are missing from those of an entry.
func (u *unit) appendNames(e *entry, name, linkage *string) {
	if *name == "" {
		*name = u.text(e.get(slotName))
	}
	if *linkage == "" {
		*linkage = u.text(e.get(slotLinkageName))
	}
}

// origin returns the attribute that refers to the entry that has what an entry lacks.
func (e *entry) origin() value {
	if v := e.get(slotOrigin); v.form != 0 {
		return v
	}
	return e.get(slotSpecification)
}

// maxHops is the largest number of references from entry to entry that are followed.
// Compilers make three or four; more is a cycle.
const maxHops = 16

// signature fills in the names of the function whose entry is at off, and what it
// returns. All of this may be in entries that others refer to, and is read of each entry
// when it is at hand. In C, a function without a type returns nothing; what other
// languages return may hold pointers.
func (u *unit) signature(off uint64, f *Frame) {
	without := "value"
	if u.scopes() {
		without = ""
	}
	u = u.part(off, off+entryBytes)
	defer func() { u.done() }()
	var e entry
	var typ target
	typed := false
	at := target{u.self, off}
	for range maxHops {
		if at.unit == nil || u.read(at.off, &e) != nil {
			if !typed {
				return
			}
			break
		}
		u.appendNames(&e, &f.Name, &f.LinkageName)
		if v := e.get(slotType); v.form != 0 && !typed {
			typ, typed = u.target(v), true
		}
		v := e.origin()
		if v.form == 0 || typed && f.Name != "" && f.LinkageName != "" {
			break
		}
		at = u.target(v)
		u = u.at(at)
	}
	if !typed {
		f.Returns = without
		return
	}
	for range maxHops {
		if u = u.at(typ); typ.unit == nil || u.read(typ.off, &e) != nil {
			return
		}
		if e.tag() == tagPointerType {
			f.Returns = "pointer"
			return
		}
		v := e.get(slotType)
		if v.form == 0 {
			f.Returns = without
			return
		}
		typ = u.target(v)
	}
}
