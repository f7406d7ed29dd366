// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func fileSize(t testing.TB, name string) uint64 {
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return uint64(info.Size())
}

func TestVariable(t *testing.T) {
	for _, name := range heldModules(t) {
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			l := openLayouts(t, name)
			for variable, typ := range map[string]string{
				"held_global": "void *", "held_state": "struct", "held_here": "void *", "held_owner": "struct owner *", "held_middle": "char *",
			} {
				for _, source := range []string{"held.c", "", "no/such.c"} {
					g, err := l.Variable(variable, source)
					if err != nil {
						t.Errorf("%s in %q: %v", variable, source, err)
						continue
					}
					want, _, ok := l.d.file.Value(variable)
					if g.Name != variable || g.Type.Name != typ || !g.Live || !ok || g.Addr != want {
						t.Errorf("%s in %q: %+v of type %v, want %#x of %s", variable, source, g, g.Type, want, typ)
					}
					if variable == "held_here" {
						continue // at the start of a section of its own
					}
					at, ok := l.VariableAt(g.Addr + 2)
					if !ok || at.Name != variable {
						t.Errorf("at %#x: %+v, want %s", g.Addr+2, at, variable)
					}
				}
			}
			if g, err := l.Variable("no_such_variable", ""); !errors.Is(err, ErrNotFound) {
				t.Errorf("%+v, %v", g, err)
			}
			if s, err := l.Struct("no_such_struct", "held.c"); !errors.Is(err, ErrNotFound) {
				t.Errorf("%v, %v", s, err)
			}
			// What is defined elsewhere has a type only.
			if g, err := l.Variable("init_task", "held.c"); err == nil && g.Live {
				t.Errorf("init_task: %+v", g)
			}
			if g, ok := l.VariableAt(1); ok {
				t.Errorf("at 1: %+v", g)
			}
		})
	}
}

func TestEnum(t *testing.T) {
	l := openLayouts(t, heldModules(t)[0])
	state, err := l.Struct("module", "")
	if err != nil {
		t.Fatal(err)
	}
	m, ok := state.Field("state")
	if !ok {
		t.Fatal("struct module has no state")
	}
	for name, want := range map[string]uint64{"MODULE_STATE_LIVE": 0, "MODULE_STATE_UNFORMED": 3} {
		if got, ok := m.Type().Enum(name); !ok || got != want {
			t.Errorf("%s: %d, %v, want %d", name, got, ok, want)
		}
	}
	if n, ok := m.Type().Enum("MODULE_STATE_NONE"); ok {
		t.Errorf("%d", n)
	}
}
