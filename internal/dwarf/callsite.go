// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"debug/elf"
	"fmt"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// CallSite is one call that a compiler recorded: DW_TAG_call_site, or
// DW_TAG_GNU_call_site before DWARF 5. Compilers record calls only in optimized code,
// and not all of them.
type CallSite struct {
	Return      uint64 // address behind the call or jump; 0 if only Call is recorded
	Call        uint64 // address of the call or jump itself; 0 if only Return is recorded
	Name        string // of the called function, such as __builtin_memcpy; "" if the call is indirect
	LinkageName string // name of its symbol if that differs, such as memcpy; mangled for C++ and Rust; else ""
	Callee      uint64 // start of that function; 0 if it is in another unit, or has several copies
	Tail        bool   // a jump: the calling function does not appear in backtraces
	Indirect    bool   // through a pointer
}

// Range is a piece of code, High exclusive.
type Range struct{ Low, High uint64 }

// Function is what is recorded about a function that is not inlined.
type Function struct {
	Name        string
	LinkageName string // mangled, "" if there is none
	Unit        string // name of the unit's primary source file
	Entry       uint64 // where it starts; 0 if unknown
	Ranges      []Range
	Calls       []CallSite // its own and those of functions inlined into it, in file order
	Err         error      // not all was read
}

// Function returns the function that the code at pc belongs to.
func (d *Data) Function(pc uint64) (Function, error) {
	var f Function
	err := d.visit(pc, func(u *unit) (bool, error) {
		u = u.entries()
		fn, ok := u.function(pc)
		if !ok {
			return false, u.funcErr
		}
		t := u.tree(fn.at)
		f = Function{Unit: u.name, Entry: t.entry, Err: t.err}
		var e entry
		f.Name, f.LinkageName = u.namesAt(fn.at)
		for _, s := range t.own {
			f.Ranges = append(f.Ranges, Range{s.lo, s.hi})
		}
		for _, at := range t.calls {
			if u.read(u.off+uint64(at), &e) == nil {
				f.Calls = append(f.Calls, u.callSite(&e))
			}
		}
		return true, nil
	})
	return f, err
}

// CallSite returns the call that returns to the address ret. The error is [ErrNotFound]
// if none is recorded; there may be a call nevertheless.
func (d *Data) CallSite(ret uint64) (CallSite, error) {
	var site CallSite
	found := false
	err := d.visit(ret-1, func(u *unit) (bool, error) {
		u = u.entries()
		fn, ok := u.function(ret - 1)
		if !ok {
			return false, u.funcErr
		}
		var e entry
		for _, at := range u.tree(fn.at).calls {
			if u.read(u.off+uint64(at), &e) != nil {
				continue
			}
			if site = u.callSite(&e); site.Return == ret {
				found = true
				break
			}
		}
		return true, nil
	})
	if err == nil && !found {
		site = CallSite{}
		err = fmt.Errorf("%w %#x: no call returns there", ErrNotFound, ret)
	}
	return site, err
}

// tree is what the entries inside a function say about its calls.
type tree struct {
	entry uint64   // start of the function, 0 if unknown
	own   []span   // the function's ranges
	calls []uint32 // the entries of its calls, as offsets from the unit's header
	err   error    // not all was read
}

// tree returns the tree of the function whose entry is at off.
func (u *unit) tree(off uint64) *tree {
	u.treeMu.Lock()
	t := u.trees[off]
	u.treeMu.Unlock()
	if t != nil {
		return t
	}
	t = u.readTree(off)
	u.treeMu.Lock()
	if u.trees == nil {
		u.trees = make(map[uint64]*tree)
	}
	u.trees[off] = t
	u.treeMu.Unlock()
	u.o.d.charge(u, 160+cap(t.own)*spanSize+cap(t.calls)*4)
	return t
}

// readTree reads the entries inside a function.
func (u *unit) readTree(off uint64) *tree {
	t := new(tree)
	var e entry
	if t.err = u.read(off, &e); t.err != nil {
		return t
	}
	quota := u.o.rangeQuota()
	t.own, t.err = u.appendRanges(&e, 0, nil, &quota)
	if addr, ok := u.address(e.get(slotLowPC)); ok {
		t.entry = addr
	} else if len(t.own) > 0 {
		t.entry = t.own[0].lo
	}
	depth := 0
	if e.abbrev.children {
		depth = 1
	}
	for c := u.info.cursor(e.next, u.end); depth > 0; {
		at := c.off
		code := c.uleb()
		if code == 0 && !c.bad {
			depth--
			continue
		}
		ab := u.abbrevs.find(code)
		if ab == nil {
			t.err = u.info.errAt(at, "abbreviation is not defined, or entries are cut off")
			break
		}
		if ab.tag == tagCallSite || ab.tag == tagGNUCallSite {
			t.calls = append(t.calls, uint32(at-u.off))
		}
		if ab.children && ab.tag != tagInlinedSubroutine && !ab.block() {
			if next, ok := u.sibling(ab, c.off); ok {
				c.off = next
				continue
			}
		}
		u.abbrevs.skip(&c, ab, u.encoding)
		if c.bad {
			t.err = u.info.errAt(at, "entry cut off, or of an unknown form")
			break
		}
		if ab.children {
			depth++
		}
	}
	return t
}

// block reports whether an entry stands for a part of the code of the function that it is
// in.
func (ab *abbrev) block() bool {
	return ab.tag == tagLexicalBlock || ab.tag == tagTryBlock || ab.tag == tagCatchBlock
}

// returnPC returns the attribute with the address that a call returns to.
func returnPC(e *entry) value {
	if v := e.get(slotCallReturnPC); v.form != 0 {
		return v
	}
	return e.get(slotLowPC)
}

// callSite decodes a call site.
func (u *unit) callSite(e *entry) CallSite {
	var s CallSite
	s.Return, _ = u.address(returnPC(e))
	s.Call, _ = u.address(e.get(slotCallPC))
	if tail, ok := u.info.constant(e.get(slotCallTail)); ok {
		s.Tail = tail != 0
	}
	origin := e.get(slotCallOrigin)
	if origin.form == 0 {
		origin = e.get(slotOrigin)
	}
	s.Indirect = origin.form == 0
	if !s.Tail {
		s.Return = u.o.d.afterCall(s.Return)
	}
	to, off, ok := u.reference(origin)
	if !ok {
		return s
	}
	var callee entry
	if to.read(off, &callee) != nil {
		return s
	}
	s.Name, s.LinkageName = to.names(&callee)
	if addr, ok := to.address(callee.get(slotLowPC)); ok {
		s.Callee = addr
	} else {
		s.Callee = to.concrete(off)
	}
	return s
}

// afterCall returns the address that a call returns to. recorded is the end of the call
// as the compiler recorded it: on MIPS, gcc does not count the delay slot, and on
// PowerPC it counts the instruction behind the call that restores the TOC.
func (d *Data) afterCall(recorded uint64) uint64 {
	real := recorded
	switch d.file.Machine {
	case elf.EM_MIPS:
		real += 4
	case elf.EM_PPC64:
		real -= 4
	default:
		return recorded
	}
	if s, off := d.file.SectionAt(recorded - 1); recorded != 0 && s != nil && off+1+real-recorded <= s.Size &&
		d.file.CallBefore(s, off+1).Kind == kobj.CallNone && d.file.CallBefore(s, off+1+real-recorded).Kind != kobj.CallNone {
		return real
	}
	return recorded
}

// concrete returns the start of the function made from the abstract function, or from
// the declaration, at off, if there is only one.
func (u *unit) concrete(off uint64) uint64 {
	u.originOnce.Do(func() {
		u.function(0) // makes the index
		u.origins = make(map[uint64]uint64)
		last := uint64(0)
		quota := u.o.rangeQuota()
		var e entry
		for _, s := range u.functions.spans {
			// The parts of one function often follow each other.
			if s.at == last || u.read(s.at, &e) != nil {
				continue
			}
			last = s.at
			v := e.get(slotOrigin)
			if v.form == 0 {
				v = e.get(slotSpecification)
			}
			to, origin, ok := u.reference(v)
			if !ok || to != u {
				continue
			}
			start, ok := u.address(e.get(slotLowPC))
			if !ok {
				own, _ := u.appendRanges(&e, 0, nil, &quota)
				if len(own) > 0 {
					start = own[0].lo
				}
			}
			if other, ok := u.origins[origin]; ok && other != start {
				start = 0
			}
			u.origins[origin] = start
		}
		u.o.d.charge(u, len(u.origins)*32)
	})
	return u.origins[off]
}
