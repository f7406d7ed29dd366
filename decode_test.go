// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Frames in freed memory get their module back, so that InModule finds them.
func TestDecodeModule(t *testing.T) {
	for _, build := range helloBuilds {
		leaks, modules := helloReport(t, build)
		leaks = unloaded(t, build, leaks, modules)
		s := &Symbolizer{Release: "0", Dirs: []string{helloModules + "/" + build}, Modules: modules}
		defer s.Close()
		var d decoder
		for i, l := range leaks {
			l.Backtrace = d.decode(s, l.Backtrace)
			owner, _ := l.Owner()
			want := "greet"
			if i < 3 {
				want = "myfunc"
			}
			if diff := cmp.Diff([]string{want, "hello_kernel"}, []string{owner.Func, owner.Module}); diff != "" {
				t.Errorf("%s: owner of leak %d (-want +got):\n%s", build, i, diff)
			}
		}
	}
}
