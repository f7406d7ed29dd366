// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/dwarf"
)

// A guess says more than that there is memory.
func TestGuessed(t *testing.T) {
	char := &dwarf.Type{Kind: dwarf.KindInteger, Name: "char", Size: 1, Char: true}
	u64 := &dwarf.Type{Kind: dwarf.KindInteger, Name: "u64", Size: 8}
	pointer := &dwarf.Type{Kind: dwarf.KindPointer, Name: "struct page *", Size: 8}
	thing := &dwarf.Type{Kind: dwarf.KindStruct, Name: "struct thing", Size: 24}
	nameless := &dwarf.Type{Kind: dwarf.KindStruct, Size: 64}
	for _, tt := range []struct {
		name     string
		to       *dwarf.Type
		received bool
		size     uint64
		want     string
	}{
		{"void", nil, true, 64, ""},
		{"a string", char, true, 64, ""},
		{"a short string", char, true, 8, ""},
		{"an array of numbers", u64, true, 64, ""},
		{"an array of pointers", pointer, true, 64, ""},
		{"a number", u64, true, 8, "p in f receives the result of the call, and u64 has the size of the object"},
		{"a number that is at hand", u64, false, 8, ""},
		{"a structure", thing, true, 32, "p in f receives the result of the call, and struct thing has 24 bytes, for which the kernel allocates 32"},
		{"structures, or one with more behind it", thing, true, 4096, "p in f receives the result of the call; struct thing has 24 bytes of the 4096"},
		{"a structure that is at hand", thing, false, 4096, ""},
		{"a structure without a name", nameless, true, 64, "p in f receives the result of the call, and its type has the size of the object"},
	} {
		v := dwarf.Variable{Name: "p", Function: "f", Type: &dwarf.Type{Kind: dwarf.KindPointer, Elem: tt.to, Size: 8}, Received: tt.received}
		got := ""
		for _, g := range guessed(tt.size, nil, []dwarf.Variable{v}, binary.LittleEndian, func(string) bool { return false }) {
			got += g.Reason
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
