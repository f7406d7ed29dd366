// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakwindow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak"
)

// An Assigned has the leaks that may be of the same tests.
type Assigned struct {
	Tests []string // sorted: none for leaks outside of all tests, several if these ran at the same time
	Leaks []kmemleak.Leak
}

// String returns the names of the tests for people.
func (a Assigned) String() string {
	switch len(a.Tests) {
	case 0:
		return "outside of any test"
	case 1:
		return a.Tests[0]
	}
	return fmt.Sprintf("one of %s, which ran at the same time", strings.Join(a.Tests, ", "))
}

// Assign finds the test in which each leak was allocated. Each leak is in the result once,
// in the order of the tests' first leaks.
func Assign(leaks []kmemleak.Leak, windows []kmemleak.Window) []Assigned {
	groups := make(map[string]int)
	var assigned []Assigned
	for _, l := range leaks {
		tests := Tests(l, windows)
		key := strings.Join(tests, "\x00")
		i, ok := groups[key]
		if !ok {
			i = len(assigned)
			groups[key] = i
			assigned = append(assigned, Assigned{Tests: tests})
		}
		assigned[i].Leaks = append(assigned[i].Leaks, l)
	}
	return assigned
}

// Tests returns the names of the tests in which a leak may have been allocated, sorted. Of
// tests inside each other, "a" and "a/b", that is the innermost. Of tests that ran at the
// same time it could be any.
func Tests(l kmemleak.Leak, windows []kmemleak.Window) []string {
	var names []string
	for _, w := range windows {
		outer := func(inner kmemleak.Window) bool {
			return inner != w && w.Contains(inner.From) && w.Contains(inner.To) && inner.Contains(l.Jiffies) &&
				strings.HasPrefix(inner.Name, w.Name+"/")
		}
		if w.Contains(l.Jiffies) && !slices.ContainsFunc(windows, outer) {
			names = append(names, w.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
