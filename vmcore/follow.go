// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"maps"
	"slices"
)

// Path is how a variable or a stack holds an object through other objects.
type Path struct {
	Ref    Ref // the place that begins it, which points to another object
	Length int // objects on the shortest way, the one that Ref points to and the last included
}

// maxAncestors bounds the objects from which a way to others is looked for.
const maxAncestors = 1 << 20

// follow finds out what holds the objects that only other objects point to. Where pointers
// are that need no other is known, so that nothing else is read again.
func (s *search) follow(ctx context.Context) error {
	var asked []*target
	for _, t := range s.targets {
		if t.found.Object.Size > 0 && !t.found.Object.Reported && t.found.More == 0 && !slices.ContainsFunc(t.found.Refs, holdsAlone) &&
			slices.ContainsFunc(t.found.Refs, func(r Ref) bool { return r.Holder.Kind == HolderObject }) {
			asked = append(asked, t)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	var all []*Object
	for _, i := range s.a.byAddr {
		// The image's own data and modules are variables, not objects on the way.
		if o := &s.a.objects[i]; !s.a.holdsVariables(o) {
			all = append(all, o)
		}
	}
	var bad problems
	g, err := s.k.newGraph(ctx, all)
	bad.add(err)
	if g == nil {
		return bad.err()
	}
	// Only these can be on the way to one of them.
	var last []int32
	for _, t := range asked {
		if i := g.find(t.addr); i >= 0 {
			last = append(last, int32(i))
		}
	}
	above := reach(g.back(), last...)
	held, err := s.heldAlone(ctx, g, above[:min(len(above), maxAncestors)])
	bad.add(err)
	ways := g.ways(held)
	for _, t := range asked {
		i := g.find(t.addr)
		if i < 0 || ways[int32(i)].length == 0 {
			continue
		}
		w := ways[int32(i)]
		from, h := g.objects[w.from], held[w.from]
		r, ok, err := s.refAt(ctx, h.addr, h.value, &target{addr: from.Addr, size: from.Size})
		bad.add(err)
		if ok && holdsAlone(r) && !r.Holder.Stale {
			t.found.Held = &Path{Ref: r, Length: w.length}
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

// place is a word in memory, and its value.
type place struct{ addr, value uint64 }

// heldAlone returns which of some objects a variable or a stack points to, and one such
// place for each.
func (s *search) heldAlone(ctx context.Context, g *graph, some []int32) (map[int32]place, error) {
	slices.Sort(some) // as the objects are: by address
	ranges := make([]Range, 0, len(some))
	wanted := make(map[int32]bool, len(some))
	for _, i := range some {
		ranges = append(ranges, Range{g.objects[i].Addr, g.objects[i].Size})
		wanted[i] = true
	}
	f := newFilter(ranges)
	held := make(map[int32]place)
	var bad problems
	buffer := make([]byte, maxScanned)
	for _, area := range s.variables() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		skip := min(-area.Addr&7, area.Size)
		err := s.k.pieces(ctx, Range{area.Addr + skip, area.Size - skip}, buffer, func(from uint64, b []byte) { s.hold(f, g, wanted, held, from, b) })
		// The memory of variables has gaps where what was only needed at boot was freed.
		if !errors.Is(err, ErrAbsent) {
			bad.add(err)
		}
	}
	return held, bad.err()
}

// hold adds the places in b that point to objects.
func (s *search) hold(f *filter, g *graph, wanted map[int32]bool, held map[int32]place, from uint64, b []byte) {
	f.each(b, func(at int, v uint64) {
		i := int32(g.find(v))
		if i < 0 || !wanted[i] || held[i] != (place{}) {
			return
		}
		p := place{from + uint64(at), v}
		if s.own.pages == nil || !s.changed(p.addr, v) {
			held[i] = p
		}
	})
}

// variables returns the memory in which kmemleak looks for pointers and that is no object:
// variables of the kernel and of modules, per-CPU ones, and the used part of stacks.
func (s *search) variables() []Range {
	a := s.a
	var all []Range
	for _, i := range a.byAddr {
		o := &a.objects[i]
		if a.holdsVariables(o) {
			all = append(all, o.scanned()...)
		}
	}
	for _, off := range a.cpuOffsets {
		all = append(all, Range{a.static.Addr + off, a.static.Size})
		for _, m := range a.modules {
			if m.perCPU.Size > 0 && m.perCPU.Size < maxModuleSize {
				all = append(all, Range{m.perCPU.Addr + off, m.perCPU.Size})
			}
		}
	}
	for _, t := range a.threads {
		if !a.stacks || s.own.threads[t.PID] || t.Stack.Size == 0 {
			continue
		}
		used := t.Stack
		if t.SP != 0 {
			used.Addr, used.Size = t.SP, used.Addr+used.Size-t.SP
		}
		all = append(all, used)
	}
	return all
}

// way is how an object can be reached from one that something holds.
type way struct {
	from   int32 // which one
	length int   // objects on the way, both included; 0 if there is none
}

// ways returns the shortest way to each object that can be reached.
func (g *graph) ways(held map[int32]place) map[int32]way {
	ways := make(map[int32]way)
	order := slices.Sorted(maps.Keys(held))
	for _, i := range order {
		ways[i] = way{i, 1}
	}
	for n := 0; n < len(order); n++ {
		w := ways[order[n]]
		for _, to := range g.to[order[n]] {
			if _, ok := ways[to]; !ok {
				ways[to] = way{w.from, w.length + 1}
				order = append(order, to)
			}
		}
	}
	return ways
}
