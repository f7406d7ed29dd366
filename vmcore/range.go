// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import "slices"

// A Range is memory in one piece.
type Range struct {
	Addr uint64 // of the first byte
	Size uint64 // in bytes
}

// joinRanges sorts ranges and joins those that overlap or touch.
func joinRanges(all []Range) []Range {
	slices.SortFunc(all, func(a, b Range) int { return compare(a.Addr, b.Addr) })
	joined := all[:0]
	for _, r := range all {
		if n := len(joined); n > 0 && r.Addr-joined[n-1].Addr <= joined[n-1].Size {
			last := &joined[n-1]
			last.Size = max(last.Size, r.Addr-last.Addr+r.Size)
			continue
		}
		joined = append(joined, r)
	}
	return joined
}
