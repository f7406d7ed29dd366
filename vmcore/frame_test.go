// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
)

// TestBacktrace has addresses of a module, and one that nothing has a name for.
func TestBacktrace(t *testing.T) {
	k := bytesAt(symtabAt, moduleSymbols())
	k.frames = make(map[uint64]kmemleak.Frame)
	k.modules, k.modulesRead = []*module{newTestModule()}, true
	stack := []uint64{moduleAt + 0x10, moduleAt + 0x45, 0xffffc90000000000}
	want := []kmemleak.Frame{
		{Func: "first", Offset: 0x10, Size: 0x40, Module: "m"},
		{Func: "second", Offset: 5, Size: 0xfc0, Module: "m"},
		{Addr: 0xffffc90000000000},
	}
	var all [][]kmemleak.Frame
	for range 2 {
		got, err := k.backtrace(t.Context(), stack)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
		all = append(all, got)
	}
	if &all[0][0] != &all[1][0] {
		t.Error("equal backtraces do not share their frames")
	}
	if got, err := k.backtrace(t.Context(), nil); got != nil || err != nil {
		t.Errorf("of nothing: %v, %v", got, err)
	}
	// What has no name because the names cannot be read is an error, and not remembered.
	k.modules[0] = newTestModule()
	k.modules[0].strtab = 0
	k.frames, k.backtraces = make(map[uint64]kmemleak.Frame), nil
	got, err := k.backtrace(t.Context(), stack[:1])
	if diff := cmp.Diff([]kmemleak.Frame{{Addr: stack[0]}}, got); diff != "" || !errors.Is(err, ErrAbsent) || len(k.frames) > 0 {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}
