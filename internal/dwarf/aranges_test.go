// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFirstArange compares the answer to a first lookup, which sorts nothing, with that of
// the index.
func TestFirstArange(t *testing.T) {
	covered := 0
	for _, name := range fixtures(t, modules) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f, d := open(t, name)
			for _, s := range text(f) {
				for pc := s.Addr; pc <= s.Addr+s.Size; pc++ {
					x, y := d.aranges(), d.firstArange(pc)
					want, got := x.spans.covering(pc, nil), y.spans.covering(pc, nil)
					covered += len(want)
					if diff := cmp.Diff(fmt.Sprint(want, x.err), fmt.Sprint(got, y.err)); diff != "" {
						t.Fatalf("%#x (-want +got):\n%s", pc, diff)
					}
				}
			}
		})
	}
	if covered == 0 {
		t.Error("no address is covered")
	}
}
