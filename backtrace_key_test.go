// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"strings"
	"testing"
)

func TestKeyOf(t *testing.T) {
	leaks, err := Parse(strings.NewReader(carried + carried))
	if err != nil || len(leaks) != 4 {
		t.Fatal(leaks, err)
	}
	first, second := leaks[0].Backtrace, leaks[1].Backtrace
	tests := []struct {
		name  string
		a, b  []Frame
		equal bool
	}{
		{"two records of one report", first, leaks[2].Backtrace, true},
		{"others", first, second, false},
		{"a part", first, first[:2], false},
		{"a copy", first, append([]Frame(nil), first...), false},
		{"empty and nil", first[:0], nil, true},
		{"empty and another", nil, first, false},
	}
	for _, tt := range tests {
		if got := KeyOf(Leak{Backtrace: tt.a}) == KeyOf(Leak{Backtrace: tt.b}); got != tt.equal {
			t.Errorf("%s: equal is %v, want %v", tt.name, got, tt.equal)
		}
	}
	if KeyOf(Leak{Size: 1}) != (BacktraceKey{}) {
		t.Error("the key of no frames is not the zero key")
	}
	if l := leaks[0]; KeyOf(l) == KeyOf(Leak{Backtrace: l.Backtrace, Calls: make([]Call, 1)}) {
		t.Error("calls do not count")
	}
}
