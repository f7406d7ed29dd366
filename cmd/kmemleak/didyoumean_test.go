// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"strings"
	"testing"
)

func TestDidYouMean(t *testing.T) {
	for _, tt := range []struct{ wrong, want string }{
		{"fnid", ": did you mean find?"},
		{"stat", ": did you mean status?"},
		{"Scna", ": did you mean scan?"},
		{"reprot", ": did you mean report?"},
		{"show", ": did you mean report?"},
		{"--find", ": did you mean find?"},
		{"x", ""},
		{"", ""},
		{"insmod", ""},
		{strings.Repeat("find", 1000), ""},
	} {
		if got := didYouMean(tt.wrong, []string{"find", "scan", "report", "status"}, ""); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.wrong, got, tt.want)
		}
	}
}
