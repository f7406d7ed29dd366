// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNotice(t *testing.T) {
	const record = "unreferenced object 0xffff888101a2b3c0 (size 64):\n  comm \"x\", pid 1, jiffies 2\n  backtrace:\n    f+0x1/0x20\n"
	const found = "[ 9.1] kmemleak: %d new suspected memory leaks (see /sys/kernel/debug/kmemleak)\n"
	tests := []struct{ name, text, want string }{
		{"nothing", "", "no report"},
		{"no trace", "usb 1-1: new device\n", "no report"},
		{"initialized", "kmemleak: Kernel memory leak detector initialized (mem pool available: 15881)\n", "no report"},
		{"a record", record, ""},
		{"as many as records", fmt.Sprintf(found, 2) + record + record, ""},
		{"records before", record + fmt.Sprintf(found, 1), ""},
		{"more than records", fmt.Sprintf(found, 2) + record + fmt.Sprintf(found, 3), "suspected 4 line 6"},
		{"no record", "Nov 23 01:13:44 host kernel: " + fmt.Sprintf(found, 8), "suspected 8 line 1"},
		{"disabled", "kmemleak: Kernel memory leak detector disabled\n", "disabled 0 line 1"},
		{"overlap", record + "[ 9.1] kmemleak: Cannot insert 0xffff888101a2b3c0 into the object search tree (overlaps existing)\n", "disabled 0 line 5"},
		{"no memory", "kmemleak: Cannot allocate a kmemleak_object structure\nkmemleak: Memory pool empty, consider increasing CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE\n", "memory 0 line 1, memory 0 line 2"},
		{"early log", "[ 0.0] kmemleak: Early log buffer exceeded (412), please increase DEBUG_KMEMLEAK_EARLY_LOG_SIZE\n", "memory 0 line 1"},
		{"lost", "[   12.345678] ** 31 printk messages dropped **\n", "lost 31 line 1"},
		{"lost by a journal", "systemd-journald[1]: Missed 5 kernel messages\n", "lost 5 line 1"},
		{"lost by a syslog", "rsyslogd: imuxsock lost 12 messages from pid 1\n", "lost 12 line 1"},
		{"nothing lost", "no messages were dropped\n", "no report"},
		{"a number without end", fmt.Sprintf("kmemleak: %s new suspected memory leaks (\n", strings.Repeat("9", 30)), "suspected 2147483647 line 1"},
		{"a sentence", "We have kmemleak disabled in that build.\n" + record, ""},
	}
	for _, tt := range tests {
		var got []string
		for l, err := range Extract(strings.NewReader(tt.text)) {
			var n *Notice
			switch {
			case errors.Is(err, ErrNoReport):
				got = append(got, "no report")
			case errors.As(err, &n):
				got = append(got, fmt.Sprintf("%v %d line %d", n.Kind, n.Count, n.Line))
			case err != nil:
				t.Errorf("%s: %v", tt.name, err)
			}
			if err != nil && !cmp.Equal(l, Leak{}) {
				t.Errorf("%s: %v beside %v", tt.name, err, l)
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
