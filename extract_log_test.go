// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "testing"

func TestNameIn(t *testing.T) {
	for line, want := range map[string]string{
		`  comm "a&b", pid 1, jiffies 2`:              `a&b`,
		`> comm "", pid", pid 1, jiffies 2`:           `", pid`,
		`comm "a",  pid 1 comm "b", pid 2, jiffies 3`: `a",  pid 1 comm "b`,
		`comm "a`:             ``,
		`comm "a", jiffies 2`: ``,
		`unreferenced object 0xffff888101a2b3c0 (size 8)`: ``,
	} {
		from, to := nameIn([]byte(line))
		if got := line[from:to]; got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
