// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package assertion shows how a project makes an assertion of its own, out of the
// library's values and go-cmp: which places may leak, and how much.
package assertion

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/testdata"
)

// site is what the assertion compares: no addresses, times and process IDs, which
// differ from run to run.
type site struct {
	Func, Module string
	Objects      int
	Bytes        uint64
}

func sites(leaks []kmemleak.Leak) []site {
	var s []site
	for _, g := range kmemleak.Groups(leaks) { // largest first
		owner := g.Example.Owner()
		module, _ := owner.Module()
		s = append(s, site{owner.Func(), module, g.Count, g.Bytes})
	}
	return s
}

func assertLeaks(t testing.TB, leaks []kmemleak.Leak, want ...site) {
	t.Helper()
	if diff := cmp.Diff(want, sites(leaks)); diff != "" {
		t.Errorf("leaks (-want +got):\n%s", diff)
	}
}

// The leaks come from a capture here, so that the test runs anywhere. On a kernel
// they would come from new(kmemleak.Detector).During(ctx, func() { … }).
func TestKnownLeaks(t *testing.T) {
	report, err := testdata.Hello.Open("reports/hello_kernel-6.12-x86_64.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer report.Close()
	leaks, err := kmemleak.Parse(report)
	if err != nil {
		t.Fatal(err) // could not look, which is never the same as "no leaks"
	}
	leaks = slices.DeleteFunc(leaks, func(l kmemleak.Leak) bool {
		return l.Owner().Func() == "" // a bare address: only a Symbolizer finds its function
	})
	assertLeaks(t, leaks,
		site{"myfunc", "hello_kernel", 2, 8192},
		site{"greet", "hello_kernel", 5, 320},
	)
}
