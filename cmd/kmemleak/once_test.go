// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

func TestOnce(t *testing.T) {
	f, g := []kmemleak.Frame{{Func: "f", Offset: 1, Size: 2}}, []kmemleak.Frame{{Func: "g", Offset: 1, Size: 2}}
	leak := func(addr uint64, more int, trace []kmemleak.Frame) kmemleak.Leak {
		return kmemleak.Leak{Addr: addr, Size: 8, Jiffies: 5, More: more, Backtrace: trace}
	}
	for _, tt := range []struct {
		name        string
		leaks, want []kmemleak.Leak
	}{
		{"none", nil, nil},
		{"twice", []kmemleak.Leak{leak(1, 0, f), leak(2, 0, g), leak(1, 0, f)}, []kmemleak.Leak{leak(1, 0, f), leak(2, 0, g)}},
		{"the first is cut", []kmemleak.Leak{leak(1, 0, nil), leak(1, 0, f)}, []kmemleak.Leak{leak(1, 0, f)}},
		{"without address", []kmemleak.Leak{leak(0, 0, f), leak(0, 0, f)}, []kmemleak.Leak{leak(0, 0, f), leak(0, 0, f)}},
		{"the console, and all of them", []kmemleak.Leak{leak(1, 2, f), leak(1, 0, f), leak(2, 0, f), leak(3, 0, f), leak(4, 0, g)},
			[]kmemleak.Leak{leak(1, 0, f), leak(2, 0, f), leak(3, 0, f), leak(4, 0, g)}},
		{"the console, and some of them", []kmemleak.Leak{leak(1, 2, f), leak(2, 0, f)}, []kmemleak.Leak{leak(1, 1, f), leak(2, 0, f)}},
	} {
		if diff := cmp.Diff(tt.want, once(tt.leaks)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
