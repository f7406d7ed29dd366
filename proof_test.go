// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "testing"

func TestProofIs(t *testing.T) {
	window := Window{From: 10, To: 20}
	init := frames("kmalloc_trace+0x1/0x2", "0xffffffffc03d4015", "do_one_initcall+0x1/0x2", "do_init_module+0x1/0x2")
	for _, tt := range []struct {
		name string
		file string
		leak Leak
		want bool
	}{
		{"while the module was loaded", "/lib/kmemleak-test.ko", Leak{Jiffies: 10, Backtrace: init}, true},
		{"by name", "/lib/kmemleak-test.ko", Leak{Jiffies: 20, Backtrace: frames("f+0x1/0x2 [kmemleak_test]")}, true},
		{"before", "/lib/kmemleak-test.ko", Leak{Jiffies: 9, Backtrace: init}, false},
		{"of another module", "/lib/kmemleak-test.ko", Leak{Jiffies: 15, Backtrace: frames("f+0x1/0x2 [other]")}, false},
		{"none is wanted", "", Leak{Jiffies: 15, Backtrace: init}, false},
	} {
		p := proof{file: tt.file, window: window}
		if got := p.is(tt.leak); got != tt.want || p.found != tt.want {
			t.Errorf("%s: %v, found %v, want %v", tt.name, got, p.found, tt.want)
		}
	}
}
