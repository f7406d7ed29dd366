// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/stackkey"
)

// guesser guesses the types of objects from the code that allocated them.
type guesser struct {
	k    *Kernel
	mu   sync.Mutex
	made map[guessKey]*dwarf.Layout
}

type guessKey struct {
	stack stackkey.Key[kmemleak.Frame, kmemleak.Call]
	size  uint64
}

// maxGuesses is how many places in code are looked at for one question.
const maxGuesses = 256

// field returns the field that is at an offset of an object, with its type:
// "struct node.link.next". It is "" if no type can be guessed.
func (g *guesser) field(ctx context.Context, o *Object, off uint64) string {
	t := g.layout(ctx, o)
	if t == nil || t.Size == 0 || off >= t.Size {
		return ""
	}
	path, _, rest := t.Path(off)
	if path == "" {
		return ""
	}
	return withRest(t.Name+path, rest)
}

// layout returns the type that an object seems to have: the one that receives the result
// of the allocation, and that fits its size.
func (g *guesser) layout(ctx context.Context, o *Object) *dwarf.Layout {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := guessKey{stackkey.Of[kmemleak.Frame, kmemleak.Call](o.Backtrace, nil), o.Size}
	if t, ok := g.made[key]; ok || len(g.made) >= maxGuesses {
		return t
	}
	if g.made == nil {
		g.made = make(map[guessKey]*dwarf.Layout)
	}
	g.made[key] = g.guess(ctx, o)
	return g.made[key]
}

func (g *guesser) guess(ctx context.Context, o *Object) *dwarf.Layout {
	l := kmemleak.Leak{Addr: o.Addr, Size: o.Size, Backtrace: o.Backtrace}
	guesses, err := g.k.symbolizer(ctx).ObjectType(l)
	if err != nil || len(guesses) == 0 {
		return nil
	}
	// Two types that fit as well are none.
	best := guesses[0]
	name, ok := strings.CutPrefix(best.Type, "struct ")
	if !ok {
		return nil
	}
	module := ""
	for _, f := range o.Backtrace {
		if f.Module != "" {
			module = f.Module
			break
		}
	}
	var types interface {
		Struct(name, source string) (*dwarf.Layout, error)
	} = g.k.types
	if module != "" {
		modules, _ := g.k.loaded(ctx)
		for _, m := range modules {
			if m.name == module {
				if f, err := m.open(ctx, g.k); err == nil {
					types = f.types
				}
			}
		}
	}
	t, err := types.Struct(name, "")
	if err != nil && module != "" {
		t, err = g.k.types.Struct(name, "")
	}
	if err != nil || t.Size != best.Size {
		return nil
	}
	return t
}

// symbolizer returns what resolves frames of the kernel in the image.
func (k *Kernel) symbolizer(ctx context.Context) *kmemleak.Symbolizer {
	k.symbolizerOnce.Do(func() {
		k.made = &kmemleak.Symbolizer{Dirs: append([]string{k.file.Name}, k.finder.Dirs...), Release: k.finder.Release, Debuginfod: new(kmemleak.Debuginfod)}
		modules, _ := k.loaded(ctx)
		k.made.Modules = described(modules)
	})
	return k.made
}
