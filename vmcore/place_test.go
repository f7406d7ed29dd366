// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
)

// TestPlace has places in kmemleak's own records, in an object and in memory that is of no
// object: the first are left out, and what kmemleak looks at comes first.
func TestPlace(t *testing.T) {
	k := newFake(nil)
	a := &atlas{
		k: k, types: guesser{k: k}, meta: 64, metas: []uint64{0x3000},
		objects: []Object{{Object: kmemleak.Object{Addr: 0x2000, Size: 64, MinCount: 1, Flags: flagAllocated}}},
		byAddr:  []int{0},
	}
	k.made = new(kmemleak.Symbolizer)
	k.symbolizerOnce.Do(func() {})
	o := &target{addr: 0x1000, size: 64}
	s := &search{k: k, a: a, targets: []*target{o}}
	s.hits = []hit{{0x5000, 0x1000, o}, {0x3010, 0x1000, o}, {0x2008, 0x1010, o}, {0x4000, 0x1000, o}}
	if err := s.place(t.Context()); err != nil {
		t.Error(err)
	}
	type brief struct {
		Addr, Offset uint64
		Kind         HolderKind
		Scanned      bool
	}
	var got []brief
	for _, r := range o.found.Refs {
		got = append(got, brief{r.Addr, r.Offset, r.Holder.Kind, r.Holder.Scanned})
	}
	want := []brief{{0x2008, 16, HolderObject, true}, {0x4000, 0, HolderUntracked, false}, {0x5000, 0, HolderUntracked, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRank(t *testing.T) {
	stack := Holder{Kind: HolderStack, Scanned: true}
	refs := []Ref{{Holder: stack}, {Holder: Holder{Kind: HolderObject}}, {}, {Holder: stack, Changed: true}, {Changed: true}}
	for i := 1; i < len(refs); i++ {
		if rank(refs[i-1]) <= rank(refs[i]) {
			t.Errorf("%+v is not before %+v", refs[i-1], refs[i])
		}
	}
}
