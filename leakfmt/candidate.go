// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import "github.com/kmemleak/kmemleak"

// candidates writes whose a leak may be, unless that can only be the owner, and nothing
// was passed to get there.
func (p *printer) candidates(calls []kmemleak.Call) {
	list := kmemleak.CandidatesOf(calls)
	if p.Detail == Brief || len(list) < 2 {
		return
	}
	p.line(plain, "    whose it may be, the likeliest first:")
	rows := make([]row, len(list))
	for i, c := range list {
		reason := clean(clip(c.Reason, maxText))
		if c.Tie {
			reason += "; as likely as the first"
		}
		rows[i] = row{plain, []string{whereText(c.Owner), reason}, nil}
	}
	p.table("      ", rows)
}
