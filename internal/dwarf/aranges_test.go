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

// TestPlainTuples has ranges that say nothing between some that do.
func TestPlainTuples(t *testing.T) {
	d := linked(t, map[string][]byte{"aranges": sized(u16(2), u32(0x20), 8, 0, u32(0),
		u64(0x10010), u64(0x10),
		u64(0x10020), u64(0), // empty
		u64(0), u64(8), // dropped by the linker
		u64(1<<64-8), u64(0x10), // beyond the last address
		u64(0x10040), u64(8),
		u64(0), u64(0),
		u64(0x10080), u64(8), // behind the end
		u32(0))})
	want := []span{{0x10010, 0x10020, 0x20}, {0x10040, 0x10048, 0x20}}
	x := d.aranges()
	if diff := cmp.Diff(fmt.Sprint(want, nil), fmt.Sprint(x.spans.spans, x.err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
