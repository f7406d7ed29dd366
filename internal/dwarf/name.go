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

// signature fills in the names of the function whose entry is at off, and what it returns.
func (u *unit) signature(off uint64, f *Frame) {
	var e entry
	if u.read(off, &e) == nil {
		f.Name, f.LinkageName = u.names(&e)
		f.Returns = u.returns(&e)
	}
}

// returns says what the function of an entry returns. The type may be in entries that it
// refers to. In C, a function without one returns nothing; what other languages return
// may hold pointers.
func (u *unit) returns(e *entry) string {
	c := !u.scopes()
	var next entry
	for range maxHops {
		tag := e.tag()
		if tag == tagPointerType {
			return "pointer"
		}
		v := e.get(slotType)
		if function := tag == tagSubprogram || tag == tagInlinedSubroutine; function && v.form == 0 {
			if v = e.get(slotOrigin); v.form == 0 {
				v = e.get(slotSpecification)
			}
		}
		if v.form == 0 {
			if c {
				return "value"
			}
			return ""
		}
		to, off, ok := u.reference(v)
		if !ok || to.read(off, &next) != nil {
			return ""
		}
		u, e = to, &next
	}
	return ""
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
