// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package stackkey

import "testing"

func TestOf(t *testing.T) {
	first, second := []int{1, 2, 3}, []int{1, 2, 3}
	calls := make([]string, 1)
	for _, tt := range []struct {
		name  string
		a, b  Key[int, string]
		equal bool
	}{
		{"the same", Of(first, calls), Of(first, calls), true},
		{"a copy", Of(first, calls), Of(second, calls), false},
		{"a part", Of(first, calls), Of(first[:2], calls), false},
		{"other calls", Of(first, calls), Of[int, string](first, nil), false},
		{"empty and nil", Of(first[:0], calls[:0]), Of[int, string](nil, nil), true},
		{"nothing", Of[int, string](nil, nil), Key[int, string]{}, true},
	} {
		if got := tt.a == tt.b; got != tt.equal {
			t.Errorf("%s: equal is %v, want %v", tt.name, got, tt.equal)
		}
	}
}
