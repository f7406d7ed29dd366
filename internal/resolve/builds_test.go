// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestScore counts what speaks against a build.
func TestScore(t *testing.T) {
	good := Facts{Fits: 1, SameName: true, SizeFits: true, Link: LinkDirect}
	call := func(change func(*Call)) Call {
		c := Call{Frame: Frame{Func: "f", Module: "m"}, Module: "m", Places: [][]Pos{{{Func: "f"}}}, Facts: good}
		change(&c)
		return c
	}
	for _, tt := range []struct {
		name string
		call Call
		want [4]int
	}{
		{"fits", call(func(*Call) {}), [4]int{}},
		{"of another module", call(func(c *Call) { c.Module, c.Problem = "n", ProblemBeyond }), [4]int{}},
		{"left by a jump", call(func(c *Call) { c.Kind, c.Fits = Elided, 0 }), [4]int{}},
		{"not after a call", call(func(c *Call) { c.Problem = ProblemNotAfterCall }), [4]int{1, 0, 0, 0}},
		{"no such function", call(func(c *Call) { c.Fits = 0 }), [4]int{1, 0, 0, 0}},
		{"another size", call(func(c *Call) { c.SizeFits = false }), [4]int{0, 1, 0, 0}},
		{"a bare address that is not known", call(func(c *Call) { c.Frame.Func, c.Module, c.Places = "", "", nil }), [4]int{0, 0, 1, 0}},
		{"the code does not tell", call(func(c *Call) { c.Link = LinkSilent }), [4]int{0, 0, 0, 1}},
	} {
		if diff := cmp.Diff(tt.want, score([]Call{tt.call}, "m")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestCounterpart finds the calls of another build that stand for the same frames.
func TestCounterpart(t *testing.T) {
	call := func(name string, k Kind) Call { return Call{Frame: Frame{Func: name}, Facts: Facts{Kind: k}} }
	own := []Call{call("a", Printed), call("x", Elided), call("b", Printed), call("c", Printed)}
	other := []Call{call("a", Printed), call("b", Printed), call("y", Elided), call("c", Printed)}
	var got []string
	for i := range own {
		name := "-"
		if c := counterpart(other, own, i); c != nil {
			name = c.Frame.Func
		}
		got = append(got, name)
	}
	if diff := cmp.Diff([]string{"a", "-", "b", "c"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := counterpart(own, own, 1); c == nil || c.Frame.Func != "x" {
		t.Errorf("counterpart of the function that was left: %v", c)
	}
}
