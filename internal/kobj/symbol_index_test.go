// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSortPlaces compares with the standard library. Keys are those of kernels, of
// modules, and any.
func TestSortPlaces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for name, key := range map[string]func() uint64{
		"same":    func() uint64 { return 7 },
		"kernel":  func() uint64 { return 0xffffffff81000000 + rnd.Uint64N(1<<25) },
		"modules": func() uint64 { return (1+rnd.Uint64N(2))<<56 | rnd.Uint64N(1<<10) },
		"any":     rnd.Uint64,
	} {
		for _, n := range []int{0, 1, 2, 5000} {
			var all []place
			for i := range n {
				all = append(all, place{key: key(), sym: uint32(i)})
			}
			want := slices.Clone(all)
			slices.SortStableFunc(want, func(a, b place) int { return cmp.Compare(a.key, b.key) })
			if got := sortPlaces(all); !slices.Equal(got, want) {
				t.Errorf("%s: %d places are in another order", name, n)
			}
		}
	}
}
