// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "sync"

// tree is what was inlined into a function, and the calls that it makes.
type tree struct {
	entry  uint64 // start of the function, 0 if unknown
	own    []span // the function's ranges
	nodes  []node // in file order: each before the nodes that were inlined into it
	ranges []span // of the nodes; at is the number of the node
	calls  []call
	err    error // not all was read
}

// node is one inlined call.
type node struct {
	at          uint32 // its entry, as an offset from the unit's header
	end         int32  // the first node behind this one and everything inside it
	first, last int32  // its ranges
	file, line  uint32 // of the call
	column      uint32
	hasFile     bool
}

// call is a call site inside a function.
type call struct {
	at   uint32 // its entry, as an offset from the unit's header
	node int32  // the inlined call that contains it, -1 if it is in the function itself
}

// maxDepth is the depth up to which entries inside a function are read. Lexical blocks
// and inlined calls reach some dozens.
const maxDepth = 1 << 9

// tree returns the tree of the function whose entry is at off.
func (u *unit) tree(off uint64) *tree {
	u.treeMu.Lock()
	t := u.trees[off]
	u.treeMu.Unlock()
	if t != nil {
		return t
	}
	t = u.packedTree(off)
	u.treeMu.Lock()
	if u.trees == nil {
		u.trees = make(map[uint64]*tree)
	}
	u.trees[off] = t
	u.treeMu.Unlock()
	u.o.d.charge(u, 200+cap(t.own)*spanSize+cap(t.nodes)*36+cap(t.ranges)*spanSize+cap(t.calls)*8)
	return t
}

// treePool has memory for trees that are being read.
var treePool = sync.Pool{New: func() any { return new(tree) }}

// packedTree reads the entries inside a function into a tree of minimal size.
func (u *unit) packedTree(off uint64) *tree {
	t := treePool.Get().(*tree)
	defer treePool.Put(t)
	*t = tree{own: t.own[:0], nodes: t.nodes[:0], ranges: t.ranges[:0], calls: t.calls[:0]}
	u.readTree(off, t)
	return &tree{
		entry:  t.entry,
		own:    packed(t.own),
		nodes:  packed(t.nodes),
		ranges: packed(t.ranges),
		calls:  packed(t.calls),
		err:    t.err,
	}
}

// readTree reads the entries inside a function into t, which is empty.
func (u *unit) readTree(off uint64, t *tree) {
	var e entry
	if t.err = u.read(off, &e); t.err != nil {
		return
	}
	quota := u.o.rangeQuota()
	t.own, t.err = u.appendRanges(&e, 0, t.own, &quota)
	if addr, ok := u.address(e.get(slotLowPC)); ok {
		t.entry = addr
	} else if len(t.own) > 0 {
		t.entry = t.own[0].lo
	}
	if !e.abbrev.children {
		return
	}
	// open has the node of every entry that is being read, or -1 for an entry without one,
	// such as a lexical block.
	open := []int32{-1}
	inside := int32(-1) // the innermost node
	next := e.next
	for len(open) > 0 {
		if err := u.read(next, &e); err != nil {
			t.err = err
			break
		}
		next = e.next
		if e.abbrev == nil {
			if n := open[len(open)-1]; n >= 0 {
				t.nodes[n].end = int32(len(t.nodes))
			}
			open = open[:len(open)-1]
			inside = -1
			for i := len(open) - 1; i >= 0; i-- {
				if open[i] >= 0 {
					inside = open[i]
					break
				}
			}
			continue
		}
		n := int32(-1)
		switch e.tag() {
		case tagInlinedSubroutine:
			n = u.addNode(t, &e, &quota)
		case tagCallSite, tagGNUCallSite:
			t.calls = append(t.calls, call{uint32(e.off - u.off), inside})
		}
		if !e.abbrev.children {
			continue
		}
		if to, ok := u.afterOther(&e); ok {
			next = to
			continue
		}
		if len(open) >= maxDepth {
			t.err = u.info.errAt(e.off, "entries are nested too deep")
			break
		}
		open = append(open, n)
		if n >= 0 {
			inside = n
		}
	}
	for _, n := range open {
		if n >= 0 {
			t.nodes[n].end = int32(len(t.nodes))
		}
	}
}

// afterOther returns the offset at which to continue behind an entry whose children are
// not of interest, if the entry records its end.
func (u *unit) afterOther(e *entry) (uint64, bool) {
	switch e.tag() {
	case tagInlinedSubroutine, tagLexicalBlock, tagTryBlock, tagCatchBlock:
		return 0, false
	}
	return u.sibling(e.abbrev, e.attrs)
}

// addNode adds an inlined call.
func (u *unit) addNode(t *tree, e *entry, quota *int) int32 {
	n := int32(len(t.nodes))
	x := node{at: uint32(e.off - u.off), end: n + 1, first: int32(len(t.ranges))}
	var err error
	t.ranges, err = u.appendRanges(e, uint64(n), t.ranges, quota)
	if err != nil && t.err == nil {
		t.err = err
	}
	x.last = int32(len(t.ranges))
	number := func(s slot) uint32 {
		v, ok := u.info.constant(e.get(s))
		if !ok || v > 1<<31-1 {
			return 0
		}
		return uint32(v)
	}
	x.line, x.column, x.file = number(slotCallLine), number(slotCallColumn), number(slotCallFile)
	x.hasFile = e.get(slotCallFile).form != 0
	t.nodes = append(t.nodes, x)
	return n
}

// chain appends the nodes that cover pc to buf, outermost first.
func (t *tree) chain(pc uint64, buf []int32) []int32 {
	for i, end := int32(0), int32(len(t.nodes)); i < end; {
		n := &t.nodes[i]
		if !t.covers(n, pc) {
			i = n.end
			continue
		}
		buf = append(buf, i)
		end = n.end
		i++
	}
	return buf
}

func (t *tree) covers(n *node, pc uint64) bool {
	for _, s := range t.ranges[n.first:n.last] {
		if s.lo <= pc && pc < s.hi {
			return true
		}
	}
	return false
}
