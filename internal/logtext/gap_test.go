// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import "testing"

func TestLogEnds(t *testing.T) {
	const gap, boot = 1, 2
	for line, want := range map[string]int{
		"[   12.345678] ** 31 printk messages dropped **":  gap,
		"systemd-journald[1]: Missed 5 kernel messages":    gap,
		"rsyslogd: imuxsock lost 12 messages from pid 1":   gap,
		"no messages were dropped":                         0,
		"[    0.000000] Linux version 6.12.1 (gcc)":        boot,
		"Nov 23 01:13:44 host kernel: Linux version 4.9.0": boot,
		"[    3.100000] thing: needs Linux version 6.12":   0,
		"-- Reboot --":        boot,
		"-- Boot 5f0a5b6d --": boot,
	} {
		got := 0
		if _, ok := Lost([]byte(line)); ok {
			got |= gap
		}
		if subject.StartsBoot([]byte(line)) {
			got |= boot
		}
		if got != want {
			t.Errorf("%q is %d, want %d", line, got, want)
		}
	}
}
