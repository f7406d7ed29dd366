// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"cmp"
	"context"
	"slices"
)

// Path is how a variable or a stack holds an object through other objects.
type Path struct {
	Ref    Ref // the place that begins it, which points to another object
	Length int // objects on the shortest way, the one that Ref points to and the last included
}

// maxAncestors bounds the objects from which a way to another is looked for.
const maxAncestors = 1 << 20

// follow finds out what holds the objects that only other objects point to.
func (s *search) follow(ctx context.Context) error {
	var all []*Object
	var g *graph
	var bad problems
	for _, t := range s.targets {
		if t.found.Object.Size == 0 || t.found.Object.Reported || t.found.More > 0 || slices.ContainsFunc(t.found.Refs, holdsAlone) ||
			!slices.ContainsFunc(t.found.Refs, func(r Ref) bool { return r.Holder.Kind == HolderObject }) {
			continue
		}
		if g == nil {
			for i := range s.a.objects {
				// The image's own data and modules are variables, not objects on the way.
				if o := &s.a.objects[i]; o.Flags&flagAllocated != 0 && !o.PerCPU && !o.Phys && !s.a.holdsVariables(o) {
					all = append(all, o)
				}
			}
			var err error
			g, err = s.k.newGraph(ctx, all)
			bad.add(err)
			if g == nil {
				return bad.err()
			}
		}
		if i := g.find(t.addr); i >= 0 {
			path, err := s.pathTo(ctx, g, i)
			bad.add(err)
			t.found.Held = path
		}
	}
	return bad.err()
}

// holdsAlone reports whether a reference is one that needs no other to keep an object
// from being reported.
func holdsAlone(r Ref) bool {
	return r.Holder.Scanned && !r.Changed && r.Holder.Kind != HolderObject && r.Holder.Kind != HolderUntracked
}

// holdsVariables reports whether an object is memory of the image or of a module.
func (a *atlas) holdsVariables(o *Object) bool {
	if a.k.inImage(o.Addr) {
		return true
	}
	return slices.ContainsFunc(a.modules, func(m *module) bool {
		_, ok := m.holds(o.Addr)
		return ok
	})
}

// pathTo returns the shortest way from something that is no object to object i.
func (s *search) pathTo(ctx context.Context, g *graph, i int) (*Path, error) {
	back := g.back()
	distance := map[int32]int{int32(i): 1}
	order := []int32{int32(i)}
	for n := 0; n < len(order) && len(order) < maxAncestors; n++ {
		for _, from := range back[order[n]] {
			if distance[from] == 0 {
				distance[from] = distance[order[n]] + 1
				order = append(order, from)
			}
		}
	}
	// One more pass over memory, for all of them.
	next := search{k: s.k, a: s.a, own: s.own}
	lengths := make(map[*target]int)
	for _, j := range order {
		o := g.objects[j]
		t := &target{addr: o.Addr, size: o.Size}
		next.targets = append(next.targets, t)
		lengths[t] = distance[j]
	}
	slices.SortFunc(next.targets, func(x, y *target) int { return cmp.Compare(x.addr, y.addr) })
	if err := next.run(ctx); err != nil {
		return nil, err
	}
	pages, err := next.pages(ctx)
	slices.SortFunc(next.hits, func(x, y hit) int {
		return cmp.Or(cmp.Compare(lengths[x.t], lengths[y.t]), cmp.Compare(x.phys, y.phys))
	})
	for n, h := range next.hits {
		if err := checkContext(ctx, n); err != nil {
			return nil, err
		}
		r, ok, holderErr := next.ref(ctx, h, pages)
		if holderErr != nil && err == nil {
			err = holderErr
		}
		if ok && holdsAlone(r) && !r.Holder.Stale {
			return &Path{Ref: r, Length: lengths[h.t]}, err
		}
	}
	return nil, err
}
