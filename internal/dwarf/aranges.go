// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"encoding/binary"
	"slices"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// aranges returns the index that the compilers wrote: .debug_aranges. Units without a
// set in it are in [Data.scanned].
func (d *Data) aranges() *lazyIndex {
	d.table.once.Do(func() {
		var spans []span
		d.table.err = d.eachSet(func(c *cursor, start uint64, offSize int) bool {
			unit, complete, more := d.arangeSet(c, start, offSize, spans)
			spans = more
			if complete {
				d.listed = append(d.listed, unit)
			}
			return complete
		})
		slices.Sort(d.listed)
		d.table.spans = newSpanIndex(spans)
	})
	return &d.table
}

// firstArange returns what aranges would have for one address. Without sorting it takes a
// fifth of the time.
func (d *Data) firstArange(pc uint64) *lazyIndex {
	var x lazyIndex
	var spans []span
	x.err = d.eachSet(func(c *cursor, start uint64, offSize int) bool {
		old := len(spans)
		_, complete, more := d.arangeSet(c, start, offSize, spans)
		found := slices.DeleteFunc(more[old:], func(s span) bool { return pc < s.lo || pc >= s.hi })
		spans = more[:old+len(found)]
		return complete
	})
	x.spans = newSpanIndex(spans)
	return &x
}

// eachSet calls fn with a cursor at each set, behind its length. fn reports whether the
// set is complete. eachSet returns the first error.
func (d *Data) eachSet(fn func(c *cursor, start uint64, offSize int) bool) error {
	s := d.main.section(secAranges)
	err := d.main.sectionErr(secAranges)
	var c cursor // once for all, because fn makes it escape
	for off := uint64(0); off < s.size(); {
		c = s.cursor(off, s.size())
		offSize := c.unitLength()
		if c.bad || c.end <= off {
			return s.errAt(off, "set cut off")
		}
		next := c.end
		if !fn(&c, off, offSize) && err == nil {
			err = s.errAt(off, "set is damaged")
		}
		off = next
	}
	return err
}

// arangeSet reads the ranges of one unit and appends them to spans.
func (d *Data) arangeSet(c *cursor, start uint64, offSize int, spans []span) (unit uint64, complete bool, more []span) {
	version := c.uint(2)
	unit, st := c.relocated(offSize)
	addrSize, segSize := int(c.u8()), uint64(c.u8())
	if c.bad || version != 2 || st == kobj.Unknown || addrSize != 4 && addrSize != 8 || segSize > 8 {
		return 0, false, spans
	}
	// Tuples are aligned to their size, counted from the start of the set.
	tuple := 2*uint64(addrSize) + segSize
	if rest := (c.off - start) % tuple; rest != 0 {
		c.skip(tuple - rest)
	}
	if addrSize == 8 && segSize == 0 && !c.s.rel && !c.s.big && !c.bad {
		return unit, true, d.plainTuples(c.s.b[c.off:c.end], unit, spans)
	}
	complete = true
	for c.end-c.off >= tuple && !c.bad {
		c.skip(segSize)
		addr, st1 := c.relocated(addrSize)
		n, st2 := c.relocated(addrSize)
		switch {
		case addr == 0 && n == 0 && st1 == kobj.None && st2 == kobj.None:
			return unit, complete, spans
		case st1 == kobj.Unknown || st2 == kobj.Unknown:
			complete = false
		case n > 0 && !d.dead(addr, st1, addrSize) && addr+n > addr:
			spans = append(spans, span{addr, addr + n, unit})
		}
	}
	return unit, complete && !c.bad, spans
}

// plainTuples appends to spans what the tuples in b say, if they are plain little-endian
// numbers of eight bytes. An image has twelve thousand of them, and one frame needs all.
func (d *Data) plainTuples(b []byte, unit uint64, spans []span) []span {
	for ; len(b) >= 16; b = b[16:] {
		addr, n := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		if addr == 0 && n == 0 {
			break
		}
		if addr+n > addr && !d.dead(addr, kobj.None, 8) {
			spans = append(spans, span{addr, addr + n, unit})
		}
	}
	return spans
}

// forgetUnits is the number of units after which a pass over all of them releases the
// memory of the pages it read.
const forgetUnits = 64

// scanned returns the index of the units that are not in .debug_aranges, built from
// their own ranges.
func (d *Data) scanned() *lazyIndex {
	d.scan.once.Do(func() {
		d.aranges() // sets listed
		d.scan.err = d.main.sectionErr(secInfo)
		var spans []span
		work := d.main.scanWork()
		for i, off := range d.main.unitStarts() {
			if i%forgetUnits == 0 {
				d.file.Forget()
			}
			if _, ok := slices.BinarySearch(d.listed, off); ok {
				continue
			}
			var err error
			spans, err = d.scanUnit(off, spans, &work)
			if err != nil && d.scan.err == nil {
				d.scan.err = err
			}
			if work.exhausted() {
				break
			}
		}
		d.scan.spans = newSpanIndex(slices.Clip(spans))
	})
	return &d.scan
}

// scanWork limits a scan over all units. Each unit has its own part of the other
// sections. A file in which all units point to the same part must not cost more than
// its size allows.
type scanWork struct {
	ranges         int
	abbrevs, lines uint64 // bytes left
}

func (o *object) scanWork() scanWork {
	return scanWork{
		ranges:  o.rangeQuota(),
		abbrevs: 16*o.section(secAbbrev).size() + 1<<20,
		lines:   4*o.section(secLine).size() + 1<<20,
	}
}

func (w *scanWork) exhausted() bool { return w.ranges < 0 || w.abbrevs == 0 || w.lines == 0 }

// use subtracts n bytes from what is left.
func use(left *uint64, n uint64) { *left -= min(*left, n) }

// scanUnit appends the ranges of the unit at off to spans.
func (d *Data) scanUnit(off uint64, spans []span, work *scanWork) ([]span, error) {
	u, read, err := d.main.load(off, true)
	use(&work.abbrevs, read)
	if err != nil {
		return spans, err
	}
	if tag := u.root.tag(); tag != tagCompileUnit && tag != tagSkeletonUnit {
		return spans, nil
	}
	before := len(spans)
	spans, err = u.appendRanges(&u.root, off, spans, &work.ranges)
	if len(spans) > before || u.hasRanges(&u.root) {
		return spans, err
	}
	// A unit without ranges has the ranges of its lines.
	if u, err = d.main.unit(off); err != nil {
		return spans, err
	}
	t := u.lines()
	use(&work.lines, t.end-t.start)
	for _, s := range t.index.spans {
		spans = append(spans, span{s.lo, s.hi, off})
	}
	return spans, t.err
}
