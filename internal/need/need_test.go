// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package need

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorder is a test that says how it ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper()                           {}
func (r *recorder) Skip(args ...any)                  { r.end("skipped: %s", args...) }
func (r *recorder) Skipf(format string, args ...any)  { r.end("skipped: "+format, args...) }
func (r *recorder) Fatalf(format string, args ...any) { r.end("failed: "+format, args...) }

func (r *recorder) end(format string, args ...any) {
	r.ended = fmt.Sprintf(format, args...)
	panic(r)
}

func TestNeed(t *testing.T) {
	tools := func(names ...string) func(testing.TB) {
		return func(t testing.TB) { Tools(t, "p q", names...) }
	}
	kernel := func(t testing.TB) {
		if got := Kernel(t, "find"); got != "6.12" {
			panic(got)
		}
	}
	memory := func(folder string) func(testing.TB) {
		return func(r testing.TB) {
			t.Setenv("KMEMLEAK_MEMORY", folder)
			if got := Memory(r); got != folder {
				panic(got)
			}
		}
	}
	for _, tt := range []struct {
		name                  string
		test                  func(testing.TB)
		require, kernel, boot string
		want                  string
	}{
		{"nothing", tools(), "", "", "", ""},
		{"a tool", tools("sh"), "require", "", "", ""},
		{"no tool", tools("sh", "no-such-tool"), "", "", "", "skipped: no-such-tool is missing (try: apt-get install p q)"},
		{"no tool, which is promised", tools("no-such-tool"), "require", "", "", "failed: no-such-tool is missing (try: apt-get install p q)"},
		{"no kernel", kernel, "", "", "", "skipped: a test kernel of its own is missing (try: make integration)"},
		{"no kernel, which is promised", kernel, "require", "", "", "failed: a test kernel of its own is missing (try: make integration)"},
		{"another boot", kernel, "require", "6.12", "recall", `skipped: needs another boot (try: make integration): "find"`},
		{"this boot", kernel, "require", "6.12", "find", ""},
		{"a dump", memory("/dump"), "require", "6.12", "", ""},
		{"no dump", memory(""), "require", "", "", "skipped: needs the dump of a test kernel (try: make integration)"},
		{"no dump, which is promised", memory(""), "require", "6.12", "", "failed: the dump of the test kernel is missing: KMEMLEAK_MEMORY names no folder (try: make integration)"},
	} {
		t.Setenv("KMEMLEAK", tt.require)
		t.Setenv("KMEMLEAK_KERNEL", tt.kernel)
		t.Setenv("KMEMLEAK_BOOT", tt.boot)
		r := new(recorder)
		func() {
			defer func() {
				if p := recover(); p != nil && p != any(r) {
					panic(p)
				}
			}()
			tt.test(r)
		}()
		if diff := cmp.Diff(tt.want, r.ended); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
