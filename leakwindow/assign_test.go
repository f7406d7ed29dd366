// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakwindow

import (
	"testing"

	"github.com/kmemleak/kmemleak"
)

func TestAssign(t *testing.T) {
	windows := []kmemleak.Window{
		{Name: "TestA", From: 10, To: 19},
		{Name: "TestB", From: 20, To: 40},
		{Name: "TestB/sub", From: 25, To: 30},
		{Name: "TestP", From: 50, To: 60},
		{Name: "TestQ", From: 55, To: 65},
	}
	for jiffies, want := range map[uint64]string{
		5: "outside of any test", 10: "TestA", 19: "TestA", 20: "TestB", 25: "TestB/sub", 31: "TestB",
		52: "TestP", 57: "one of TestP, TestQ, which ran at the same time", 65: "TestQ", 66: "outside of any test",
	} {
		got := Assign([]kmemleak.Leak{{Jiffies: jiffies}}, windows)
		if len(got) != 1 || got[0].String() != want {
			t.Errorf("a leak of tick %d is assigned to %+v, want %q", jiffies, got, want)
		}
	}
}
