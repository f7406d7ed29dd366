// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package blame

import "testing"

// TestKinds holds the tables apart: what is in one of them is in no other.
func TestKinds(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range kinds {
		for _, p := range k.names {
			if p == "" || p[0] == '*' || seen[p] || Allocator(p) || Entry(p) {
				t.Errorf("%s: pattern %q is empty, begins with a star, is there twice, or is of an allocator or entry", k.what, p)
			}
			seen[p] = true
			if got := kindOf(p); got == "" {
				t.Errorf("%s: %q is not found", k.what, p)
			}
		}
	}
	if got := kindOf("thing_probe"); got != "" {
		t.Errorf("thing_probe makes %s", got)
	}
}
