// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"testing"

	"github.com/kmemleak/kmemleak"
)

// TestGuess has objects that the module held allocates, in frames as the kernel prints them.
func TestGuess(t *testing.T) {
	k, m := loadedHeld(t)
	k.modules, k.modulesRead = []*module{m}, true
	k.types = &types{Layouts: moduleTypes(t, "6.12-x86_64")}
	k.made = &kmemleak.Symbolizer{Dirs: []string{heldFile}, Release: "0"}
	k.symbolizerOnce.Do(func() {})
	defer k.made.Close()
	g := &guesser{k: k}
	queue := &Object{Object: kmemleak.Object{Addr: 0x1000, Size: 32, Backtrace: []kmemleak.Frame{
		{Func: "__kmalloc_cache_noprof", Offset: 0x10b, Size: 0x1e0}, {Func: "lose_queue", Offset: 0x18, Size: 0x80, Module: "held"},
	}}}
	for off, want := range map[uint64]string{0: "struct queue.nodes.next", 8: "struct queue.nodes.prev", 16: "struct queue.length", 24: ""} {
		if got := g.field(t.Context(), queue, off); got != want {
			t.Errorf("at %d: %q, want %q", off, got, want)
		}
	}
	for what, change := range map[string]func(o *Object){
		"no backtrace":     func(o *Object) { o.Backtrace = nil },
		"a smaller object": func(o *Object) { o.Size = 8 },
		"an unknown function": func(o *Object) {
			o.Backtrace = []kmemleak.Frame{{Func: "nowhere", Offset: 8, Size: 16, Module: "held"}}
		},
	} {
		o := *queue
		change(&o)
		if got := g.field(t.Context(), &o, 0); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
	if len(g.made) == 0 || len(g.made) > 4 {
		t.Errorf("%d guesses", len(g.made))
	}
}
