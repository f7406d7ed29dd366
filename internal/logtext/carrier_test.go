// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStrip(t *testing.T) {
	const timed, sent, tagged = 1, 2, 4 // of a carrier
	tests := []struct {
		line, text string
		want       int
	}{
		{"  a b", "  a b", 0},
		{"> >   a", "  a", 0},
		{"| a", "a", 0},
		{"<4>a", "a", 0},
		{"<134>1 2026-11-23T01:13:44.003Z host finder[1]:  a", " a", timed | sent},
		{"[   12.345678]   a", "  a", timed},
		{"[   12.345678][  T170] finder:   a", "  a", timed | sent | tagged},
		{"[Mon Nov 23 01:13:44 2026] a", "a", timed},
		{"[Nov23 01:13] a", "a", timed},
		{"[0:    init:    1] a", "a", timed},
		{"[  1.2] (0)[1:swapper/0]a", "a", timed},
		{"6,1234,567890,-,caller=T1;a", "a", timed | sent},
		{"Nov 23 01:13:44 host kernel: a", "a", timed | sent},
		{"11-23 01:13:44.123  1234  1234 W finder: a", "a", timed | tagged},
		{"W/finder( 12): a", "a", tagged},
		{"12-   a", "  a", 0},
		{"+   a", "  a", 0},
		{"// a", "a", 0},
		{"01:13:44 lost object host:", "lost object host:", timed},
		{"01:13:44 a path:", "a path:", timed},
		{"[ffffffff81234567] a", "[ffffffff81234567] a", 0},
		{"61 62 63", "61 62 63", 0},
	}
	for _, tt := range tests {
		c, text := subject.Strip([]byte(tt.line))
		got := 0
		for bit, set := range map[int]bool{timed: c.Timed, sent: c.Source != 0, tagged: c.Tagged} {
			if set {
				got |= bit
			}
		}
		if got != tt.want || string(text) != tt.text {
			t.Errorf("%q: carrier %d and %q, want %d and %q", tt.line, got, text, tt.want, tt.text)
		}
	}
	one, _ := subject.Strip([]byte("[ 1.2][ T170] a"))
	two, _ := subject.Strip([]byte("[ 1.2][ T171] a"))
	if one.Source == two.Source {
		t.Error("two threads are one source")
	}
}

func TestStripLike(t *testing.T) {
	tests := [][3]string{ // line, prefix, rest
		{"log 9: a", "log 10: ", "a"},
		{"log.c-12-  a", "log.c:8:", "  a"},
		{"log  a", "log BUG: ", "a"},
		{"a", "log: ", "a"},
		{"log", "log: ", "log"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt[2], string(StripLike([]byte(tt[0]), []byte(tt[1])))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt, diff)
		}
	}
}
