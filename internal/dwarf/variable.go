// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"debug/elf"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Variable is a variable or parameter of a function.
type Variable struct {
	Name      string
	Function  string // that it belongs to
	Type      *Type
	Inlined   int  // functions in between: 0 for variables of the innermost
	Parameter bool // of the function
	Received  bool // from the call on, it is where calls leave their result
}

// maxVariables bounds the variables of one lookup.
const maxVariables = 256

// Variables returns the variables of the functions that a call belongs to, those of the
// innermost inlined function first. The call returns to ret.
func (d *Data) Variables(ret uint64) ([]Variable, error) {
	var vars []Variable
	err := d.visit(ret-1, func(u *unit) (bool, error) {
		du := u.entries()
		fn, ok := du.function(ret - 1)
		if !ok {
			return false, du.funcErr
		}
		w := &typeWork{readers: make(map[*unit]*typeReader)}
		r, err := w.reader(du)
		if err != nil {
			return false, err
		}
		entries := []uint64{fn.at}
		for _, n := range du.inlinedAt(fn.at, ret-1, nil).chain {
			entries = append(entries, n.at)
		}
		for i := range entries {
			vars = r.variables(vars, entries[len(entries)-1-i], i, ret)
		}
		return true, nil
	})
	return vars, err
}

// variables appends those of the function at off.
func (r *typeReader) variables(vars []Variable, off uint64, inlined int, ret uint64) []Variable {
	e, ok := r.read(off)
	if !ok || !e.children {
		return vars
	}
	function, _ := r.u.namesAt(off)
	// other is the depth inside entries that do not belong to the function itself.
	depth, other := 0, 0
	for next := e.next; len(vars) < maxVariables; {
		e, ok := r.read(next)
		if !ok {
			return vars
		}
		next = e.next
		if e.tag == 0 {
			if depth == 0 {
				return vars
			}
			depth--
			other = max(other-1, 0)
			continue
		}
		if other == 0 && (e.tag == tagVariable || e.tag == tagFormalParameter) {
			vars = r.variable(vars, e, function, inlined, ret)
		}
		if e.children {
			depth++
			if other > 0 || e.tag != tagLexicalBlock {
				other++
			}
		}
	}
	return vars
}

// variable appends the variable of an entry.
func (r *typeReader) variable(vars []Variable, e fullEntry, function string, inlined int, ret uint64) []Variable {
	v := Variable{Function: function, Parameter: e.tag == tagFormalParameter, Inlined: inlined, Received: r.received(e.get(attrLocation), ret)}
	for range maxHops {
		if v.Name == "" {
			v.Name = r.u.text(e.get(attrName))
		}
		if t := e.get(attrType); t.form != 0 {
			v.Type = r.typeOf(t, true, 0)
			break
		}
		var ok bool
		if r, _, e, ok = r.follow(e.get(attrOrigin)); !ok {
			break
		}
	}
	if v.Name == "" || v.Type == nil {
		return vars
	}
	return append(vars, v)
}

// resultRegister returns DWARF's number of the register in which a function of the
// machine returns a pointer.
func resultRegister(m elf.Machine) (byte, bool) {
	switch m {
	case elf.EM_X86_64, elf.EM_386, elf.EM_AARCH64, elf.EM_ARM:
		return 0, true
	case elf.EM_PPC64:
		return 3, true
	case elf.EM_RISCV:
		return 10, true
	case elf.EM_S390, elf.EM_MIPS:
		return 2, true
	case elf.EM_LOONGARCH:
		return 4, true
	}
	return 0, false
}

// received reports whether a location list puts the variable, from the address ret on,
// where a call leaves its result.
func (r *typeReader) received(v value, ret uint64) bool {
	reg, ok := resultRegister(r.u.o.file.Machine)
	if !ok || v.form != formSecOffset && v.form != formLoclistx && v.form != formData4 && v.form != formData8 {
		return false
	}
	const opReg0 = 0x50
	found := false
	r.u.locations(v, func(lo uint64, expr []byte) {
		found = found || lo == ret && len(expr) == 1 && expr[0] == opReg0+reg
	})
	return found
}

// Kinds of entries of location lists in DWARF 5.
const (
	lleEndOfList = iota
	lleBaseAddressx
	lleStartxEndx
	lleStartxLength
	lleOffsetPair
	lleDefaultLocation
	lleBaseAddress
	lleStartEnd
	lleStartLength
)

// locations calls fn with the start address and the expression of each entry of a
// location list. It skips entries that are damaged or in a split file.
func (u *unit) locations(v value, fn func(lo uint64, expr []byte)) {
	if v.form == formLoclistx || u.skeleton != nil {
		return // of clang and of split files
	}
	off, ok := u.info.offset(v, u.offSize)
	if !ok {
		return
	}
	d := u.o.d
	size := int(u.addrSize)
	base, dead := u.rangeBase()
	if u.version < 5 {
		s := u.o.section(secLoc)
		c := s.cursor(off, s.size())
		top := ^uint64(0) >> (64 - 8*uint(size))
		for !c.bad {
			lo, st := c.relocated(size)
			hi, st2 := c.relocated(size)
			switch {
			case c.bad || lo == 0 && hi == 0 && st == kobj.None && st2 == kobj.None:
				return
			case lo == top && st == kobj.None:
				base, dead = hi, d.dead(hi, st2, size)
				continue
			}
			n := c.uint(2)
			from := c.off
			c.skip(n)
			if !c.bad && !(dead && st == kobj.None) {
				fn(lo+base, s.b[from:c.off])
			}
		}
		return
	}
	s := u.o.section(secLoclists)
	c := s.cursor(off, s.size())
	for !c.bad {
		var lo uint64
		ok := true
		switch c.u8() {
		case lleBaseAddress:
			addr, st := c.relocated(size)
			base, dead = addr, d.dead(addr, st, size)
			continue
		case lleOffsetPair:
			n, st := c.relocatedULEB()
			_, _ = c.relocatedULEB()
			lo, ok = base+n, !dead && st != kobj.Unknown
		case lleStartEnd:
			addr, st := c.relocated(size)
			_, _ = c.relocated(size)
			lo, ok = addr, !d.dead(addr, st, size)
		case lleStartLength:
			addr, st := c.relocated(size)
			_, _ = c.relocatedULEB()
			lo, ok = addr, !d.dead(addr, st, size)
		default:
			return // the end, or forms of split files
		}
		n := c.uleb()
		from := c.off
		c.skip(n)
		if ok && !c.bad {
			fn(lo, s.b[from:c.off])
		}
	}
}
