// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"strings"
	"testing"
)

func TestFrameName(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"", ""},
		{"myfunc", "myfunc"},
		{"_raw_spin_lock", "_raw_spin_lock"},
		{"__kmalloc.constprop.0", "__kmalloc.constprop.0"},
		{"_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar"},
		{"_ZN7mycrate3fooEv", "mycrate::foo()"},
		{"_R" + strings.Repeat("N", 2000), "_R" + strings.Repeat("N", 2000)},
	} {
		if got := (Frame{Func: tt.name}).Name(); got != tt.want {
			t.Errorf("Name of %q is %q, want %q", tt.name, got, tt.want)
		}
	}
}
