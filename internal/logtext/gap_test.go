// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import "testing"

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
