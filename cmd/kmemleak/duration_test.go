// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"testing"
	"time"
)

func TestParseSeconds(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		bad  bool
	}{
		{"5", 5 * time.Second, false},
		{"0.5", 500 * time.Millisecond, false},
		{"10m", 10 * time.Minute, false},
		{"0", 0, false},
		{"-1", 0, true},
		{"", 0, true},
		{"5 minutes", 0, true},
		{"NaN", 0, true},
		{"1e99", 0, true},
	} {
		if got, err := parseSeconds(tt.text); got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%q: %v, %v", tt.text, got, err)
		}
	}
}
