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

func TestStartsBoot(t *testing.T) {
	for line, want := range map[string]bool{
		"[    0.000000] Linux version 6.12.1 (gcc)":        true,
		"Nov 23 01:13:44 host kernel: Linux version 4.9.0": true,
		"[    3.100000] thing: needs Linux version 6.12":   false,
		"-- Reboot --":        true,
		"-- Boot 5f0a5b6d --": true,
	} {
		if got := subject.StartsBoot([]byte(line)); got != want {
			t.Errorf("%q is %v, want %v", line, got, want)
		}
	}
}

func TestAnnouncesStack(t *testing.T) {
	for line, want := range map[string]bool{
		"[   12.345678] Call Trace:":                        true,
		"Call trace:":                                       true,
		"Allocated by task 12:":                             true,
		"RIP: 0010:f+0x1/0x20":                              true,
		"softirqs last  enabled at (12): f+0x1/0x20":        true,
		"-----------[ cut here ]------------":               true,
		"  backtrace:":                                      false,
		"    f+0x1/0x20 [m]":                                false,
		"unreferenced object 0xffff888101a2b3c0 (size 64):": false,
	} {
		if got := AnnouncesStack([]byte(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
