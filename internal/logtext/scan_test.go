// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import "testing"

func TestScan(t *testing.T) {
	dec := func(s *Scan) bool { _, ok := s.Dec(); return ok }
	hex := func(s *Scan) bool { _, _, ok := s.Hex(); return ok }
	lit := func(s *Scan) bool { return s.Lit("size") }
	word := func(s *Scan) bool { return s.Word("size") }
	tests := []struct {
		text      string
		read      func(*Scan) bool
		rest      string
		ok, short bool
	}{
		{"12)", dec, ")", true, false},
		{"12", dec, "", true, true},
		{"18446744073709551615 ", dec, " ", true, false},
		{"18446744073709551616 ", dec, "18446744073709551616 ", false, false},
		{"x", dec, "x", false, false},
		{"fFx", hex, "x", true, false},
		{"0123456789abcdef0 ", hex, "0123456789abcdef0 ", false, false},
		{"", hex, "", false, true},
		{"sizes", lit, "s", true, false},
		{"siz", lit, "siz", false, true},
		{"six", lit, "six", false, false},
		{" \tsize", word, "", true, false},
		{" \tsi", word, " \tsi", false, true},
	}
	for _, tt := range tests {
		s := Scan{Rest: []byte(tt.text)}
		if ok := tt.read(&s); ok != tt.ok || s.Short != tt.short || string(s.Rest) != tt.rest {
			t.Errorf("%q: %v, short %v, rest %q", tt.text, ok, s.Short, s.Rest)
		}
	}
	if n := Indent([]byte(" \t x")); n != 6 {
		t.Errorf("indentation %d, want 6", n)
	}
}
