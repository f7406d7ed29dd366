// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import "testing"

func TestIsEllipsis(t *testing.T) {
	for line, want := range map[string]bool{
		"...":                  true,
		"[...]":                true,
		"[ \u2026 ]":           true,
		"<snip>":               true,
		"-----8<-----":         true,
		"--More--":             true,
		"...skipping...":       true,
		"... 12 lines skipped": true,
		"(15 lines omitted)":   true,
		"---truncated---":      true,
		"8":                    false,
		".":                    false,
		"---":                  false,
		"... and so it went on with many more words": false,
		"usb 1-1: new device":                        false,
	} {
		if got := IsEllipsis([]byte(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestIsProse(t *testing.T) {
	for text, want := range map[string]bool{"because of that": true, "of m.": true, "": false, "word": false, "[m] of": false, "f+0x1/0x2 [m]": false, "So it": false} {
		if got := IsProse([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestTouches(t *testing.T) {
	for text, want := range map[string]bool{"12|x": true, "12| x": false, "12 |x": false, "12|": false, "|x": false} {
		b := []byte(text)
		for i, c := range b {
			if c == '|' {
				b = append(b[:i:i], b[i+1:]...)
				if got := Touches(b, b[i:]); got != want {
					t.Errorf("%q: %v", text, got)
				}
				break
			}
		}
	}
}
