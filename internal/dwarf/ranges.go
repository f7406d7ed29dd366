// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "github.com/kmemleak/kmemleak/internal/kobj"

// Kinds of entries in .debug_rnglists, section 7.25 of DWARF 5.
const (
	rleEndOfList    = 0
	rleBaseAddressx = 1
	rleStartxEndx   = 2
	rleStartxLength = 3
	rleOffsetPair   = 4
	rleBaseAddress  = 5
	rleStartEnd     = 6
	rleStartLength  = 7
)

// rangeQuota returns the number of ranges that may be read in one pass over a file, a
// unit or a function. Compilers give every list one owner. A file in which many entries
// point to one long list must not cost more than its size allows.
func (o *object) rangeQuota() int {
	n := o.section(secRanges).size()/4 + o.section(secRnglists).size() + o.section(secInfo).size()/8
	return int(min(n, 1<<26)) + 64
}

func errQuota(s *section, off uint64) error {
	return s.errAt(off, "more ranges than a compiler would make")
}

// hasRanges reports whether an entry has the ranges of its code.
func (u *unit) hasRanges(e *entry) bool {
	return e.get(slotRanges).form != 0 || e.get(slotHighPC).form != 0
}

// appendRanges appends the ranges of the code of entry e to spans, except those of
// dropped code. It subtracts the ranges that it reads from the quota.
func (u *unit) appendRanges(e *entry, at uint64, spans []span, quota *int) ([]span, error) {
	if v := e.get(slotRanges); v.form != 0 {
		return u.appendList(v, at, spans, quota)
	}
	high := e.get(slotHighPC)
	if high.form == 0 {
		return spans, nil
	}
	lo, ok := u.address(e.get(slotLowPC))
	if !ok {
		return spans, nil
	}
	var hi uint64
	switch high.form {
	case formAddr, formAddrx, formAddrx1, formAddrx2, formAddrx3, formAddrx4, formGNUAddrIndex:
		hi, ok = u.address(high)
	default:
		hi, ok = u.info.constant(high)
		hi += lo
	}
	if !ok {
		return spans, u.info.errAt(e.off, "end of code is not known")
	}
	if *quota--; lo < hi && *quota >= 0 {
		spans = append(spans, span{lo, hi, at})
	}
	return spans, nil
}

// appendList appends the ranges of the list that v points to.
func (u *unit) appendList(v value, at uint64, spans []span, quota *int) ([]span, error) {
	if u.version >= 5 {
		off, ok := u.rnglistOffset(v)
		if !ok {
			return spans, u.info.errAt(v.off, "range list is not known")
		}
		return u.appendRnglist(off, at, spans, quota)
	}
	off, ok := u.info.offset(v, u.offSize)
	if !ok {
		return spans, u.info.errAt(v.off, "range list is not known")
	}
	o := u.o
	if u.skeleton != nil {
		// GNU split units keep their lists in the main file, counted from a base that is not
		// the base of the skeleton's own.
		o = u.skeleton.o
		base, _ := u.skeleton.info.offset(u.skeleton.root.get(slotGNURangesBase), u.skeleton.offSize)
		off += base
	}
	s := o.section(secRanges)
	c := s.cursor(off, s.size())
	base, baseDead := u.rangeBase()
	size := int(u.addrSize)
	top := ^uint64(0) >> (64 - 8*uint(size))
	for !c.bad {
		if *quota--; *quota < 0 {
			return spans, errQuota(s, off)
		}
		lo, st1 := c.relocated(size)
		hi, st2 := c.relocated(size)
		relocated := st1 != kobj.None || st2 != kobj.None
		switch {
		case c.bad || st1 == kobj.Unknown || st2 == kobj.Unknown:
		case lo == top && !relocated || lo == top && st1 == kobj.None:
			base, baseDead = hi, u.o.d.dead(hi, st2, size)
		case lo == 0 && hi == 0 && !relocated:
			return spans, nil
		default:
			if baseDead && !relocated {
				continue
			}
			if lo, hi := lo+base, hi+base; lo < hi && lo > 1 {
				spans = append(spans, span{lo, hi, at})
			}
		}
	}
	return spans, s.errAt(off, "range list cut off")
}

// rangeBase returns the base of the addresses in the unit's range lists. In a module a
// base that is not relocated is no base: the lists then have addresses.
func (u *unit) rangeBase() (base uint64, dead bool) {
	if u.skeleton != nil {
		u = u.skeleton
	}
	return u.low, !u.lowLive && !u.o.d.file.Linked()
}

// rnglistOffset returns the offset of a list in .debug_rnglists.
func (u *unit) rnglistOffset(v value) (uint64, bool) {
	if v.form != formRnglistx {
		return u.info.offset(v, u.offSize)
	}
	i, ok := u.info.index(v)
	s := u.o.section(secRnglists)
	if !ok || i > s.size() {
		return 0, false
	}
	off, ok := s.relocatedConstant(u.rnglistsBase+i*uint64(u.offSize), int(u.offSize))
	return u.rnglistsBase + off, ok
}

// rnglists returns the section to read the list at off from: if u is a part, a part of it
// that lasts as long.
func (u *unit) rnglists(off uint64) *section {
	s := u.o.section(secRnglists)
	switch {
	case u.info.whole == nil:
		return s
	case u.lists == nil:
		u.lists = s.part(off, off+listBytes)
	default:
		u.lists.move(off, listBytes)
	}
	return u.lists
}

// listBytes is more than the lists of a function have.
const listBytes = 512

// appendRnglist appends the ranges of the DWARF 5 list at off.
func (u *unit) appendRnglist(off, at uint64, spans []span, quota *int) ([]span, error) {
	s := u.rnglists(off)
	d := u.o.d
	c := s.cursor(off, s.size())
	size := int(u.addrSize)
	base, dead := u.rangeBase()
	number := func() (uint64, bool) {
		if !u.o.pairs {
			return c.uleb(), true
		}
		n, st := c.relocatedULEB()
		return n, st != kobj.Unknown
	}
	fixed := func() (uint64, bool) {
		addr, st := c.relocated(size)
		return addr, !c.bad && !d.dead(addr, st, size)
	}
	indexed := func() (uint64, bool) {
		from, off, ok := u.indexed(c.uleb())
		if !ok {
			return 0, false
		}
		return u.addressAt(from, off)
	}
	for !c.bad {
		if *quota--; *quota < 0 {
			return spans, errQuota(s, off)
		}
		var lo, hi uint64
		var ok, ok2 bool
		switch kind := c.u8(); kind {
		case rleEndOfList:
			if c.bad {
				continue
			}
			return spans, nil
		case rleBaseAddressx:
			base, ok = indexed()
			dead = !ok
			continue
		case rleBaseAddress:
			base, ok = fixed()
			dead = !ok
			continue
		case rleOffsetPair:
			lo, ok = number()
			hi, ok2 = number()
			lo, hi, ok = lo+base, hi+base, ok && !dead
		case rleStartxEndx:
			lo, ok = indexed()
			hi, ok2 = indexed()
		case rleStartxLength:
			lo, ok = indexed()
			hi, ok2 = number()
			hi += lo
		case rleStartEnd:
			lo, ok = fixed()
			hi, ok2 = fixed()
		case rleStartLength:
			lo, ok = fixed()
			hi, ok2 = number()
			hi += lo
		default:
			return spans, s.errAt(c.off-1, "range list entry of kind %d", kind)
		}
		if ok && ok2 && !c.bad && lo < hi {
			spans = append(spans, span{lo, hi, at})
		}
	}
	return spans, s.errAt(off, "range list cut off")
}
