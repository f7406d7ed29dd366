// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Global is a variable outside of functions.
type Global struct {
	Name string
	Type *Layout
	Unit string // name of the compilation unit
	Addr uint64
	Live bool // Addr is known: this is the definition
}

// Variable returns the variable of a name in the unit of a source file, whose path ends
// with source, such as "mm/kmemleak.c". All units are searched if there is none of that
// file, or if source is "". Of a variable that is only declared, the type is known and
// the address is not. The error matches [ErrNotFound] if there is no such variable.
func (l *Layouts) Variable(name, source string) (Global, error) {
	var found Global
	err := l.named(name, source, func(r *typeReader, e *fullEntry) bool {
		if e.tag != tagVariable {
			return false
		}
		g := l.global(r, e)
		if g.Type != nil && (g.Live || found.Type == nil) {
			found = g
		}
		return found.Live
	})
	if err == nil && found.Type == nil {
		err = fmt.Errorf("%w: no variable %s in %s", ErrNotFound, name, l.d.file.Name)
	}
	return found, err
}

// Struct returns the definition of a structure or union, called by its name alone:
// "kmemleak_object". The units are chosen as by Variable.
func (l *Layouts) Struct(name, source string) (*Layout, error) {
	var found *Layout
	err := l.named(name, source, func(r *typeReader, e *fullEntry) bool {
		switch e.tag {
		case tagStructureType, tagUnionType, tagClassType:
			if e.get(attrDeclaration).form == 0 {
				found = l.decode(r, *e, 0)
			}
		}
		return found != nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%w: no structure %s in %s", ErrNotFound, name, l.d.file.Name)
	}
	return found, err
}

// global decodes an entry of a variable. l.mu is held.
func (l *Layouts) global(r *typeReader, e *fullEntry) Global {
	g := Global{Name: r.u.text(e.get(attrName)), Unit: r.u.name}
	g.Addr, g.Live = r.place(e)
	typ, of := e.get(attrType), r
	if to, _, decl, ok := r.follow(e.get(attrSpecification)); ok {
		if g.Name == "" {
			g.Name = to.u.text(decl.get(attrName))
		}
		// The definition knows the length of an array that the declaration does not.
		if typ.form == 0 {
			typ, of = decl.get(attrType), to
		}
	}
	g.Type = l.layout(of, typ)
	return g
}

// place returns the address of a variable, if it has one.
func (r *typeReader) place(e *fullEntry) (uint64, bool) {
	const opAddr, opAddrx, opGNUAddrIndex = 0x03, 0xa1, 0xfb
	v := e.get(attrLocation)
	if v.form != formExprloc && v.form != formBlock1 {
		return 0, false
	}
	c := r.u.info.cursor(v.off, r.u.end)
	n := uint64(0)
	if v.form == formBlock1 {
		n = uint64(c.u8())
	} else {
		n = c.uleb()
	}
	end := c.off + n
	switch c.u8() {
	case opAddr:
		if n != 1+uint64(r.u.addrSize) || c.bad {
			return 0, false
		}
		addr, st, ok := r.u.info.relocated(c.off, int(r.u.addrSize))
		// An address of 0 is that of the first per-CPU variable.
		linked := r.u.o.d.file.Linked()
		return addr, ok && st != kobj.Unknown && (linked || st == kobj.Done)
	case opAddrx, opGNUAddrIndex:
		i := c.uleb()
		if c.bad || c.off != end {
			return 0, false
		}
		s, off, ok := r.u.indexed(i)
		if !ok {
			return 0, false
		}
		return r.u.addressAt(s, off)
	}
	return 0, false
}

// named calls fn with the entries of a name outside of functions, and with those that
// complete them, until fn returns true.
func (l *Layouts) named(name, source string, fn func(r *typeReader, e *fullEntry) bool) error {
	if err := l.d.main.sectionErr(secInfo); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var first error
	starts, near := l.d.main.unitStarts(), source != ""
	for {
		matched := false
		work := l.d.main.scanWork()
		for i, off := range starts {
			if i%forgetUnits == 0 {
				l.d.file.Forget()
			}
			u, read, err := l.d.main.load(off, true)
			if use(&work.abbrevs, read); work.exhausted() {
				break
			}
			if err != nil {
				first = keep(first, err)
				continue
			}
			if near && !sourceOf(u.text(u.root.get(slotName)), source) {
				continue
			}
			matched = true
			ok, err := l.namedIn(off, name, fn)
			first = keep(first, err)
			if ok {
				return nil
			}
		}
		if !near || matched {
			return first
		}
		near = false
	}
}

func keep(first, err error) error {
	if first == nil {
		return err
	}
	return first
}

// sourceOf reports whether the path of a unit ends with that of a source file.
func sourceOf(path, source string) bool {
	rest, ok := strings.CutSuffix(path, source)
	return ok && (rest == "" || strings.HasSuffix(rest, "/"))
}

// namedIn is named for one unit. It returns true when fn did.
func (l *Layouts) namedIn(off uint64, name string, fn func(r *typeReader, e *fullEntry) bool) (bool, error) {
	u, err := l.d.main.unit(off)
	if err != nil {
		return false, err
	}
	var declared []uint64
	done := false
	err = l.topLevel(u.entries(), func(r *typeReader, at uint64, e *fullEntry) bool {
		if v := e.get(attrName); v.form != 0 {
			if !r.u.textIs(v, name) {
				return true
			}
			if e.tag == tagVariable && e.get(attrLocation).form == 0 {
				declared = append(declared, at)
			}
		} else if e.tag != tagVariable || len(declared) == 0 || !r.refersTo(e.get(attrSpecification), declared) {
			return true
		}
		done = fn(r, e)
		return !done
	})
	return done, err
}

func (r *typeReader) refersTo(v value, any []uint64) bool {
	if v.form == 0 {
		return false
	}
	u, off, ok := r.u.reference(v)
	return ok && u == r.u && slices.Contains(any, off)
}

// textIs reports whether a string attribute is equal to s, without a copy where it can.
func (u *unit) textIs(v value, s string) bool {
	if v.form == formStrp {
		if off, ok := u.info.offset(v, u.offSize); ok {
			b := u.o.section(secStr).b
			end := off + uint64(len(s))
			return end >= off && end < uint64(len(b)) && b[end] == 0 && string(b[off:end]) == s
		}
	}
	return u.text(v) == s
}

// topLevel calls fn with the children of the root entry of a unit until it returns
// false. The entry is used again afterwards.
func (l *Layouts) topLevel(u *unit, fn func(r *typeReader, at uint64, e *fullEntry) bool) error {
	r, err := l.work.reader(u)
	if err != nil {
		return err
	}
	var e fullEntry
	if !r.readInto(u.die, &e) || !e.children {
		return u.err
	}
	depth := 0
	for off := e.next; off < u.end; {
		at := off
		if !r.readInto(off, &e) {
			return u.info.errAt(at, "entry of a unit cannot be read")
		}
		off = e.next
		if e.tag == 0 {
			if depth--; depth < 0 {
				return nil
			}
			continue
		}
		if depth == 0 && !fn(r, at, &e) {
			return nil
		}
		if !e.children {
			continue
		}
		if to, next, ok := u.siblingIn(r, &e); ok && to == u && next > off {
			off = next
		} else {
			depth++
		}
	}
	return nil
}

func (u *unit) siblingIn(r *typeReader, e *fullEntry) (*unit, uint64, bool) {
	const attrSibling = 0x01
	v := e.get(attrSibling)
	if v.form == 0 {
		return nil, 0, false
	}
	return r.u.reference(v)
}

// VariableAt returns the variable outside of functions that an address belongs to. The
// first call reads all units.
func (l *Layouts) VariableAt(addr uint64) (Global, bool) {
	l.addrOnce.Do(l.indexVariables)
	l.mu.Lock()
	defer l.mu.Unlock()
	var buf [maxCovering]span
	for _, s := range l.addrs.covering(addr, buf[:0]) {
		u, err := l.d.main.unitAt(s.at)
		if err != nil {
			continue
		}
		r, err := l.work.reader(u.entries())
		if err != nil {
			continue
		}
		e, ok := r.read(s.at)
		if !ok {
			continue
		}
		if g := l.global(r, &e); g.Type != nil && g.Live && addr-g.Addr < max(1, g.Type.Size) {
			return g, true
		}
	}
	return Global{}, false
}

// indexVariables finds the addresses of all variables. A variable ends where the next
// begins; its type says where it really ends.
func (l *Layouts) indexVariables() {
	l.mu.Lock()
	defer l.mu.Unlock()
	var spans []span
	for i, off := range l.d.main.unitStarts() {
		if i%forgetUnits == 0 {
			l.d.file.Forget()
		}
		u, err := l.d.main.unit(off)
		if err != nil || u.entries() != u {
			continue // the entries' places would be in another file
		}
		_ = l.topLevel(u, func(r *typeReader, at uint64, e *fullEntry) bool {
			if e.tag == tagVariable {
				if addr, ok := r.place(e); ok {
					spans = append(spans, span{addr, addr, at})
				}
			}
			return true
		})
		delete(l.work.readers, u)
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	next := ^uint64(0)
	for i := len(spans) - 1; i >= 0; i-- {
		if i+1 < len(spans) && spans[i+1].lo > spans[i].lo {
			next = spans[i+1].lo
		}
		spans[i].hi = next
	}
	l.addrs = newSpanIndex(spans)
}
