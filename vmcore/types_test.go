// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"testing"

	"github.com/kmemleak/kmemleak/internal/dwarf"
)

// TestTypes looks things up twice, also what is not there.
func TestTypes(t *testing.T) {
	k := &types{Layouts: moduleTypes(t, "6.12-x86_64")}
	for range 2 {
		if s, err := k.Struct("list_head", ""); err != nil || s.Size != 16 {
			t.Errorf("%v, %v", s, err)
		}
		if v, err := k.Variable("held_global", ""); err != nil || !v.Live || v.Name != "held_global" {
			t.Errorf("%+v, %v", v, err)
		}
		if _, err := k.Variable("list_head", ""); !errors.Is(err, dwarf.ErrNotFound) {
			t.Errorf("%v", err)
		}
		if _, err := k.Struct("no_such", "mm/slub.c"); !errors.Is(err, dwarf.ErrNotFound) {
			t.Errorf("%v", err)
		}
	}
	if len(k.structs) != 2 || len(k.variables) != 2 {
		t.Errorf("%d structures and %d variables are remembered", len(k.structs), len(k.variables))
	}
}
