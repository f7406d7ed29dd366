// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

// inlined is a call that was inlined.
type inlined struct {
	at           uint64 // its entry
	file         uint64 // where the call is
	line, column int
	hasFile      bool
}

// inside is what is known about an address in a function.
type inside struct {
	entry uint64 // start of the function, 0 if unknown
	chain []inlined
	err   error // not all was read
}

// inlinedAt finds the calls that were inlined into the function whose entry is at off
// and that pc belongs to. It appends them to buf, the outermost first.
//
// It reads no more than it needs: of entries that pc is not in, only where they end. A
// function of the kernel may have thousands of entries.
func (u *unit) inlinedAt(off, pc uint64, buf []inlined) inside {
	f := inside{chain: buf}
	u = u.part(off, min(off+walkBytes, u.end))
	defer u.done()
	var e entry
	if f.err = u.read(off, &e); f.err != nil {
		return f
	}
	quota := u.o.rangeQuota()
	f.entry, f.err = u.start(&e, &quota)
	if !e.abbrev.children {
		return f
	}
	depth, outer := 1, 0 // the walk ends where depth is outer
	ignored := 0         // depth of an entry that does not contain pc, but all entries behind; 0 if there is none
	c := u.info.cursor(e.next, u.end)
	for {
		at := c.off
		u.info.move(at, min(walkBytes, u.end-min(at, u.end)))
		code := c.uleb()
		if c.bad {
			break
		}
		if code == 0 {
			depth--
			if depth == outer {
				return f
			}
			if depth == ignored {
				ignored = 0
			}
			continue
		}
		ab := u.abbrevs.find(code)
		if ab == nil {
			f.fail(u.info.errAt(at, "abbreviation %d is not defined", code))
			return f
		}
		if ab.tag == tagInlinedSubroutine && ignored == 0 {
			if err := u.read(at, &e); err != nil {
				f.fail(err)
				return f
			}
			covers, err := u.covers(&e, pc, &quota)
			f.fail(err)
			if covers {
				f.chain = append(f.chain, u.inlined(&e))
				outer = depth
				if !ab.children {
					return f
				}
				c.off = e.next
				depth++
				continue
			}
		}
		if !ab.children {
			u.abbrevs.skip(&c, ab, u.encoding)
			continue
		}
		if !ab.block() || ignored != 0 {
			if next, ok := u.sibling(ab, c.off); ok {
				c.off = next
				continue
			}
			if ignored == 0 {
				ignored = depth
			}
		}
		u.abbrevs.skip(&c, ab, u.encoding)
		depth++
	}
	f.fail(u.info.errAt(off, "entries of the function cut off"))
	return f
}

// walkBytes is how much of a function is read at once.
const walkBytes = 2048

func (f *inside) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// start returns where the function of an entry starts, 0 if that is unknown.
func (u *unit) start(e *entry, quota *int) (uint64, error) {
	if addr, ok := u.address(e.get(slotLowPC)); ok {
		return addr, nil
	}
	var buf [8]span
	own, err := u.appendRanges(e, 0, buf[:0], quota)
	if len(own) == 0 {
		return 0, err
	}
	return own[0].lo, err
}

// covers reports whether pc is in the code of an entry.
func (u *unit) covers(e *entry, pc uint64, quota *int) (bool, error) {
	var buf [8]span
	own, err := u.appendRanges(e, 0, buf[:0], quota)
	for _, s := range own {
		if s.lo <= pc && pc < s.hi {
			return true, err
		}
	}
	return false, err
}

// inlined decodes an entry of an inlined call.
func (u *unit) inlined(e *entry) inlined {
	number := func(s slot) int {
		v, ok := u.info.constant(e.get(s))
		if !ok || v > 1<<31-1 {
			return 0
		}
		return int(v)
	}
	return inlined{
		at: e.off, file: uint64(number(slotCallFile)), line: number(slotCallLine), column: number(slotCallColumn),
		hasFile: e.get(slotCallFile).form != 0,
	}
}
