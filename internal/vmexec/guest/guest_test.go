// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package guest

import (
	"bytes"
	"testing"
)

func TestStatusFilter(t *testing.T) {
	tests := []struct {
		name, input, want string
		ended             bool
		status            int
	}{
		{"passed", "PASS\n" + StatusLine(0), "PASS\n", true, 0},
		{"failed", "FAIL\n" + StatusLine(2), "FAIL\n", true, 2},
		{"no newline before", "x" + StatusLine(1), "x", true, 1},
		{"died", "panic: ", "panic: ", false, 0},
		{"died in the status line", "PASS\n\x00vmexec: exit", "PASS\n", false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for size := 1; size <= len(tt.input); size++ {
				var out bytes.Buffer
				f := StatusFilter{W: &out}
				for rest := []byte(tt.input); len(rest) > 0; {
					n := min(size, len(rest))
					if _, err := f.Write(rest[:n]); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
				if out.String() != tt.want || f.Ended != tt.ended || f.Status != tt.status {
					t.Errorf("in pieces of %d: %q, ended %v with %d", size, &out, f.Ended, f.Status)
				}
			}
		})
	}
}
