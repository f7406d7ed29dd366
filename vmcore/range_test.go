// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJoinRanges(t *testing.T) {
	for _, c := range []struct {
		name      string
		all, want []Range
	}{
		{"none", nil, nil},
		{"apart", []Range{{8, 4}, {0, 4}}, []Range{{0, 4}, {8, 4}}},
		{"touching", []Range{{4, 4}, {0, 4}}, []Range{{0, 8}}},
		{"overlapping", []Range{{0, 8}, {4, 8}}, []Range{{0, 12}}},
		{"inside", []Range{{0, 16}, {4, 4}, {16, 1}}, []Range{{0, 17}}},
		{"at the end of all memory", []Range{{^uint64(0) - 7, 8}, {0, 4}}, []Range{{0, 4}, {^uint64(0) - 7, 8}}},
	} {
		if diff := cmp.Diff(c.want, joinRanges(c.all)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
}
