// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNotes(t *testing.T) {
	all := []note{{"CORE", 1, make([]byte, 144)}, {"odd", 7, []byte("12345")}, {"GNU", 3, []byte{0xab, 0xcd}}, {"VMCOREINFO", 0, []byte("OSRELEASE=6.1\n")}}
	b := rawNotes(all)
	same := func(a, b note) bool { return a.name == b.name && a.kind == b.kind && string(a.desc) == string(b.desc) }
	for n := range len(b) + 1 {
		got := parseNotes(b[:n], binary.LittleEndian)
		if len(got) > len(all) || !slices.EqualFunc(all[:len(got)], got, same) {
			t.Fatalf("%d bytes: %v", n, got)
		}
	}
	got := parseNotes(append(b, make([]byte, 100)...), binary.LittleEndian)
	if diff := cmp.Diff(all, got, cmp.Comparer(same)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if id, arch := gnuBuildID(got), archOfNotes(got); id != "abcd" || arch != "386" {
		t.Errorf("build ID %s, architecture %s", id, arch)
	}
}
