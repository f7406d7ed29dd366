// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"sync"

	"github.com/kmemleak/kmemleak/internal/dwarf"
)

// types are the types and variables of the kernel, each of which is looked up once: every
// lookup by name goes through the list of all units of a vmlinux.
type types struct {
	*dwarf.Layouts

	mu        sync.Mutex
	structs   map[lookup]lookedUp[*dwarf.Layout]
	variables map[lookup]lookedUp[dwarf.Global]
}

type lookup struct{ name, source string }

type lookedUp[T any] struct {
	found T
	err   error
}

// maxLookups bounds what is remembered. Names are asked for by this package, and as the
// types of objects.
const maxLookups = 1 << 12

// Struct is that of Layouts.
func (t *types) Struct(name, source string) (*dwarf.Layout, error) {
	return once(t, &t.structs, lookup{name, source}, t.Layouts.Struct)
}

// Variable is that of Layouts.
func (t *types) Variable(name, source string) (dwarf.Global, error) {
	return once(t, &t.variables, lookup{name, source}, t.Layouts.Variable)
}

// once calls look unless it was called for the same before.
func once[T any](t *types, known *map[lookup]lookedUp[T], what lookup, look func(name, source string) (T, error)) (T, error) {
	t.mu.Lock()
	l, ok := (*known)[what]
	t.mu.Unlock()
	if ok {
		return l.found, l.err
	}
	l.found, l.err = look(what.name, what.source)
	t.mu.Lock()
	defer t.mu.Unlock()
	if *known == nil {
		*known = make(map[lookup]lookedUp[T])
	}
	if len(*known) < maxLookups {
		(*known)[what] = l
	}
	return l.found, l.err
}
