// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// search is a search for pointers to some targets.
type search struct {
	k       *Kernel
	a       *atlas
	targets []*target // by address
	known   map[uint64]*target
	own     own // of a running kernel

	mu   sync.Mutex
	hits []hit
}

type target struct {
	addr, size uint64
	found      Referrers
	n          int
}

// hit is a word of memory that points to a target.
type hit struct {
	phys, value uint64
	t           *target
}

// maxHits bounds the places that are kept for all targets together.
const maxHits = 1 << 22

// target returns the target for an address, which may be inside an object.
func (s *search) target(addr uint64) *target {
	o := s.a.find(s.a.byAddr, addr)
	if o == nil {
		o = s.a.find(s.a.perCPU, addr)
	}
	if o != nil {
		addr = o.Addr
	}
	return s.targetAt(addr, o)
}

// targetAt returns the target that begins at an address. It is no object if o is nil.
func (s *search) targetAt(addr uint64, o *Object) *target {
	if t := s.known[addr]; t != nil {
		return t
	}
	t := &target{addr: addr, size: 1}
	if o != nil {
		t.size, t.found.Object = max(o.Size, 1), *o
	}
	s.known[addr] = t
	s.targets = append(s.targets, t)
	return t
}

// search fills in what is found about all targets.
func (s *search) search(ctx context.Context) error {
	if len(s.targets) == 0 {
		return nil
	}
	slices.SortFunc(s.targets, func(x, y *target) int { return cmp.Compare(x.addr, y.addr) })
	bad := s.once(ctx)
	// A running kernel may have moved a pointer from what was still to be read to what had been.
	if s.k.mem.Info().Live && ctx.Err() == nil && slices.ContainsFunc(s.targets, func(t *target) bool { return t.found.Unexplained() }) {
		bad = s.once(ctx)
	}
	for _, step := range []func(context.Context) error{s.roots, s.follow} {
		if ctx.Err() == nil {
			bad.add(step(ctx))
		}
	}
	return bad.err()
}

// once looks at all memory, and finds out what the places are.
func (s *search) once(ctx context.Context) (bad problems) {
	s.hits = nil
	for _, t := range s.targets {
		t.n, t.found.Refs, t.found.More = 0, nil, 0
	}
	live := s.k.mem.Info().Live
	if live {
		bad.add(s.own.add())
	}
	bad.add(s.run(ctx))
	if live {
		bad.add(s.own.add())
	}
	if ctx.Err() == nil {
		bad.add(s.place(ctx))
	}
	return bad
}

// run looks at all memory.
func (s *search) run(ctx context.Context) error {
	ranges := make([]Range, 0, len(s.targets))
	for _, t := range s.targets {
		ranges = append(ranges, Range{t.addr, t.size})
	}
	f := newFilter(ranges)
	tell := s.k.meter()
	return s.k.mem.Scan(ctx, func(phys uint64, b []byte) {
		// A range of an ELF core may begin anywhere; pointers do not.
		skip := -phys & 7
		if skip < uint64(len(b)) {
			var found []hit
			f.each(b[skip:], func(at int, v uint64) {
				// What this process had before would be more than is kept.
				if t := s.targetOf(v); t != nil && !s.own.pages[(phys+skip+uint64(at))>>pageShift] {
					found = append(found, hit{phys + skip + uint64(at), v, t})
				}
			})
			if len(found) > 0 {
				s.add(found)
			}
		}
		tell(uint64(len(b)))
	})
}

func (s *search) targetOf(v uint64) *target {
	i, ok := slices.BinarySearchFunc(s.targets, v, func(t *target, v uint64) int { return cmp.Compare(t.addr, v) })
	if !ok {
		i--
	}
	if i < 0 || v-s.targets[i].addr >= s.targets[i].size {
		return nil
	}
	return s.targets[i]
}

func (s *search) add(found []hit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range found {
		// kmemleak's records are among them, and are left out later.
		if h.t.n++; h.t.n > 4*MaxRefs || len(s.hits) >= maxHits {
			h.t.found.More++
			continue
		}
		s.hits = append(s.hits, h)
	}
}

// roots follows leaked objects to where their structure begins.
func (s *search) roots(ctx context.Context) error {
	if !slices.ContainsFunc(s.targets, func(t *target) bool { return t.found.Object.Reported }) {
		return nil
	}
	var leaked []*Object
	for _, i := range slices.Concat(s.a.byAddr, s.a.perCPU) {
		if o := &s.a.objects[i]; o.Reported {
			leaked = append(leaked, o)
		}
	}
	g, err := s.k.newGraph(ctx, leaked)
	if g == nil {
		return err
	}
	roots := g.roots()
	for _, t := range s.targets {
		if i := g.find(t.addr); i >= 0 && t.found.Object.Reported {
			t.found.Roots = roots(i)
		}
	}
	return err
}
