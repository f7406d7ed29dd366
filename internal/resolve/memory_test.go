// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMemory(t *testing.T) {
	m := memory{modules: []Module{
		{Name: "a-b", BuildID: "01", Sections: map[string]uint64{".text": 0x10000, ".data": 0x14000}},
		{Name: "c", Sections: map[string]uint64{".init.text": 0x20000, ".empty": 0x20000}},
		{Name: "hidden"},
	}}
	for _, tt := range []struct {
		addr  uint64
		below []string // the sections there, and whether it is inside of their modules' memory
	}{
		{0xffff, nil},
		{0x10000, []string{"a-b .text true"}},
		{0x11000, []string{"a-b .text true"}}, // in front of .data
		{0x14fff, []string{"a-b .data true", "a-b .text false"}},
		{0x15000, []string{"a-b .data false", "a-b .text false"}},
		{0x20001, []string{"c .init.text true", "c .empty true", "a-b .data false", "a-b .text false"}},
	} {
		var got []string
		for _, l := range m.below(tt.addr) {
			got = append(got, fmt.Sprint(l.module.Name, " ", l.name, " ", m.inside(tt.addr, l)))
		}
		if diff := cmp.Diff(tt.below, got); diff != "" {
			t.Errorf("%#x (-want +got):\n%s", tt.addr, diff)
		}
	}
	for _, tt := range [][3]string{{"a_b", "", "01"}, {"a_b", "02", "02"}, {"c", "", ""}, {"d", "03", "03"}, {"", "", ""}} {
		if got := m.wanted(tt[0], tt[1]); got != tt[2] {
			t.Errorf("build ID of %q with %q printed: %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
	if m.module("c").hasCode() != true || m.module("hidden").hasCode() {
		t.Error("which modules have code is wrong")
	}
}
