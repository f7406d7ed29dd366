// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMounts(t *testing.T) {
	tests := []struct {
		name  string
		input string
		want  []string // control files
	}{
		{"empty", "", nil},
		{"none", "22 1 0:20 / /proc rw,relatime shared:5 - proc proc rw\n", nil},
		{"standard", "25 21 0:7 / /sys/kernel/debug rw,relatime shared:11 - debugfs debugfs rw,mode=700\n",
			[]string{"/sys/kernel/debug/kmemleak"}},
		{"no optional fields", "25 21 0:7 / /debug rw - debugfs none rw\n", []string{"/debug/kmemleak"}},
		{"many optional fields", "25 21 0:7 / /d rw shared:1 master:2 propagate_from:3 - debugfs x rw\n", []string{"/d/kmemleak"}},
		{"escapes", `25 21 0:7 / /mnt/de\040bug\134x\ rw - debugfs none rw` + "\n", []string{`/mnt/de bug\x\/kmemleak`}},
		{"source named debugfs", "25 21 0:7 / /mnt rw - ext4 debugfs rw\n", nil},
		{"standard first", "1 2 0:7 / /a rw - debugfs x rw\n2 2 0:7 / /sys/kernel/debug rw - debugfs x rw\n",
			[]string{"/sys/kernel/debug/kmemleak", "/a/kmemleak"}},
		{"read-only last", "1 2 0:7 / /sys/kernel/debug ro,nosuid - debugfs x rw\n2 2 0:7 / /a rw - debugfs x ro,mode=700\n3 2 0:7 / /b rw - debugfs x rw\n",
			[]string{"/b/kmemleak", "/sys/kernel/debug/kmemleak", "/a/kmemleak"}},
		{"part of debugfs", "1 2 0:7 /tracing /t rw - debugfs x rw\n", nil},
		{"the file alone", "1 2 0:7 /kmemleak /run/leaks rw - debugfs x rw\n", []string{"/run/leaks"}},
		{"cut off", "1 2 0:7 / /a rw -", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mounts, err := parseMounts(strings.NewReader(tt.input))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range mounts {
				if file, ok := m.control(); ok {
					got = append(got, file)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("control files (-want +got):\n%s", diff)
			}
		})
	}
}
