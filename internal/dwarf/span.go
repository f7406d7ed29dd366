// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"cmp"
	"slices"
	"sort"
	"sync"
)

// span is a range of addresses [lo, hi), and the place that describes it.
type span struct{ lo, hi, at uint64 }

const spanSize = 24

// spanPool has memory for spans that are being read.
var spanPool = sync.Pool{New: func() any { return new([]span) }}

// spanIndex finds the spans that cover an address. Spans may nest and overlap.
type spanIndex struct {
	spans []span // by lo
	// reach is the largest hi up to each span; nil if no spans overlap.
	reach []uint64
}

// newSpanIndex makes an index of spans, which it keeps and sorts.
func newSpanIndex(spans []span) spanIndex {
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	x := spanIndex{spans: spans}
	for i := 1; i < len(spans); i++ {
		if spans[i].lo < spans[i-1].hi {
			x.reach = make([]uint64, len(spans))
			var top uint64
			for i, s := range spans {
				top = max(top, s.hi)
				x.reach[i] = top
			}
			break
		}
	}
	return x
}

// maxCovering is the maximum number of spans returned for one address. Of functions and
// units there is one, or a few if they are nested.
const maxCovering = 16

// covering appends the spans that cover addr to buf, the shortest first.
func (x *spanIndex) covering(addr uint64, buf []span) []span {
	i := sort.Search(len(x.spans), func(i int) bool { return x.spans[i].lo > addr }) - 1
	for ; i >= 0; i-- {
		if s := x.spans[i]; addr < s.hi && len(buf) < maxCovering {
			buf = append(buf, s)
		}
		if x.reach == nil || x.reach[i] <= addr {
			break
		}
	}
	if len(buf) > 1 {
		slices.SortStableFunc(buf, func(a, b span) int { return cmp.Compare(a.hi-a.lo, b.hi-b.lo) })
	}
	return buf
}
