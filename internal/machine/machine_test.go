// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import "testing"

func TestRegister(t *testing.T) {
	fake := struct{ Machine }{}
	unregister := Register("registered", fake)
	if got := Local("registered"); got != fake {
		t.Errorf("%T, want what was registered", got)
	}
	if got := Local("other"); got == fake {
		t.Error("another path leads to what was registered")
	}
	unregister()
	if got := Local("registered"); got == fake {
		t.Error("unregister left it there")
	}
}

func TestModuleName(t *testing.T) {
	for file, want := range map[string]string{
		"hello-kernel.ko": "hello_kernel", "/lib/modules/x.ko/a-b_c.ko.xz": "a_b_c", "plain": "plain",
	} {
		if got := ModuleName(file); got != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
}
