// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"testing"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// TestLearn remembers only what is known without other backtraces.
func TestLearn(t *testing.T) {
	at := lay{"x.ko", kobj.RegionInitText, 0xffffffffc01b7000}
	good := Call{lay: at, Facts: Facts{Text: &Text{Candidates: 1}}}
	for name, tt := range map[string]struct {
		change func(*Call)
		firm   bool
		want   bool
	}{
		"known":              {func(*Call) {}, true, true},
		"weak":               {func(*Call) {}, false, false},
		"by another":         {func(c *Call) { c.Text = &Text{Candidates: 1, Known: true} }, true, false},
		"one of several":     {func(c *Call) { c.Text = &Text{Candidates: 2} }, true, false},
		"contradicted":       {func(c *Call) { c.Problem = ProblemOtherCallee }, true, false},
		"in a doubtful file": {func(c *Call) { c.Misfit = &Frame{} }, true, false},
		"a name":             {func(c *Call) { c.Text = nil }, true, false},
	} {
		r := New(Config{Files: new(Finder), Firm: func(*Facts) bool { return tt.firm }})
		c := good
		tt.change(&c)
		r.learn([]Call{c})
		if got := r.lays.has(at); got != tt.want || r.lays.count() > 1 {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
