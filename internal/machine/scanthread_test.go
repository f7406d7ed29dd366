// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"slices"
	"testing"
)

func TestScanThread(t *testing.T) {
	const (
		thread   = "57 (kmemleak) S 2 0 0 0 -1 2129984 0 0"
		kthreadd = "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0"
		program  = "57 (kmemleak) S 2 0 0 0 -1 4194304 0 0" // of that name
	)
	for _, tt := range []struct {
		name    string
		stats   []string
		running bool
		err     error
	}{
		{"it runs", []string{program, kthreadd, thread}, true, nil},
		{"it runs, and nothing else is there", []string{thread}, true, nil},
		{"it does not", []string{kthreadd, program}, false, nil},
		{"hidden", []string{program, "1 (systemd) S 0 1 1 0 -1 4194560 0"}, false, ErrHidden},
		{"empty", nil, false, ErrHidden},
		{"damaged", []string{"57 (kmemleak) S 2 0 0 0 -1", "57 kmemleak S 2 0 0 0 -1 2129984 0 0", ")(", ""}, false, ErrHidden},
		{"another name", []string{"57 (a) (kmemleak) S 2 0 0 0 -1 2129984 0 0"}, false, nil},
	} {
		var stats [][]byte
		for _, s := range tt.stats {
			stats = append(stats, []byte(s))
		}
		if running, err := scanThread(slices.Values(stats)); running != tt.running || err != tt.err {
			t.Errorf("%s: %v, %v, want %v, %v", tt.name, running, err, tt.running, tt.err)
		}
	}
}
