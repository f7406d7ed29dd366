// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "time"

// A pace tells how long a search will take.
type pace struct {
	scans int       // that the search takes, if nothing changes meanwhile
	aged  time.Time // when all objects are old enough; zero: at once

	begun time.Time     // of the scan that goes on; zero if none does
	last  time.Duration // that a scan has taken; 0 if none has ended
}

func (p *pace) begin() { p.begun = time.Now() }

func (p *pace) end() { p.last, p.begun = max(time.Since(p.begun), 1), time.Time{} }

// left returns the time that is left when so many scans have begun, 0 if nobody knows.
func (p *pace) left(scans int) time.Duration {
	if p.last == 0 {
		return 0
	}
	left := time.Duration(max(p.scans-scans, 0)) * p.last
	if scans <= 1 {
		left = max(left, thoroughness) + max(time.Until(p.aged), 0)
	}
	if !p.begun.IsZero() {
		left += max(p.last-time.Since(p.begun), 0)
	}
	return left
}
