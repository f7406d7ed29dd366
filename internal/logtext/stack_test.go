// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import "testing"

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
