// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import "testing"

func TestIsScanThread(t *testing.T) {
	for stat, want := range map[string]bool{
		"57 (kmemleak) S 2 0 0 0 -1 2129984 0 0":     true,
		"57 (kmemleak) S 2 0 0 0 -1 4194304 0 0":     false, // a program of that name
		"57 (kmemleak) S 2 0 0 0 -1":                 false,
		"57 (a) (kmemleak) S 2 0 0 0 -1 2129984 0 0": false,
		"57 kmemleak S 2 0 0 0 -1 2129984 0 0":       false,
		")(":                                         false,
		"":                                           false,
	} {
		if got := isScanThread([]byte(stat)); got != want {
			t.Errorf("%q: %v, want %v", stat, got, want)
		}
	}
}
