// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// place finds out what the places are.
func (s *search) place(ctx context.Context) error {
	var bad problems
	pages, err := s.pages(ctx)
	bad.add(err)
	slices.SortFunc(s.hits, func(x, y hit) int { return cmp.Compare(x.phys, y.phys) })
	for i, h := range s.hits {
		if err := checkContext(ctx, i); err != nil {
			return err
		}
		r, ok, err := s.ref(ctx, h, pages)
		bad.add(err)
		if !ok {
			continue
		}
		if len(h.t.found.Refs) >= MaxRefs {
			h.t.found.More++
			continue
		}
		h.t.found.Refs = append(h.t.found.Refs, r)
	}
	for _, t := range s.targets {
		slices.SortStableFunc(t.found.Refs, func(x, y Ref) int {
			return cmp.Or(cmp.Compare(rank(y), rank(x)), cmp.Compare(x.Addr, y.Addr))
		})
	}
	return bad.err()
}

// ref tells what a place is. It is not ok if the place is kmemleak's own or ours.
func (s *search) ref(ctx context.Context, h hit, pages map[uint64]uint64) (r Ref, ok bool, err error) {
	if s.own.pages[h.phys>>pageShift] {
		return Ref{}, false, nil
	}
	addr := s.a.linear(h.phys)
	if page, ok := pages[h.phys>>pageShift]; ok {
		addr = page | h.phys&(1<<pageShift-1)
	}
	return s.refAt(ctx, addr, h.value, h.t)
}

// refAt is ref for a place whose address is known.
func (s *search) refAt(ctx context.Context, addr, value uint64, t *target) (r Ref, ok bool, err error) {
	if s.a.ownRecord(addr) {
		return Ref{}, false, nil
	}
	r = Ref{Addr: addr, Value: value, Target: t.addr, Offset: value - t.addr}
	r.Holder, err = s.a.holder(ctx, addr)
	if r.Holder.Kind == HolderStack && s.own.threads[r.Holder.Task.PID] {
		return Ref{}, false, err
	}
	if s.own.pages != nil {
		r.Changed = s.changed(addr, value)
	}
	return r, true, err
}

// changed reads a place of a running kernel again, and something else first: the kernel
// keeps what was read last in a buffer, which is searched, too.
func (s *search) changed(addr, value uint64) bool {
	other, _ := s.k.symbol("linux_banner")
	if _, err := s.k.long(other &^ 7); err != nil {
		return true
	}
	v, err := s.k.long(addr)
	return err != nil || v != value
}

// rank orders references: those that are still there first, then those that kmemleak sees.
func rank(r Ref) int {
	n := 0
	if !r.Changed {
		n += 4
	}
	if r.Holder.Scanned {
		n += 2
	}
	if r.Holder.Kind != HolderUntracked {
		n++
	}
	return n
}

const pageShift = 12

// maxPages bounds the pages that are not in the linear map alone: 64 GiB of them.
const maxPages = 1 << 24

// maxAbsent bounds the pages of one object that are looked for and not there: 4 GiB of them.
const maxAbsent = 1 << 20

// pages returns where pages are mapped that the kernel uses by another address than that
// in the linear map: the image, modules, stacks and what vmalloc gave out.
func (s *search) pages(ctx context.Context) (map[uint64]uint64, error) {
	pages := make(map[uint64]uint64)
	var bad problems
	add := func(what string, from, size uint64) {
		absent := 0
		first := from &^ (1<<pageShift - 1)
		for i := range (from - first + size + 1<<pageShift - 1) >> pageShift {
			if len(pages) >= maxPages {
				bad.add(fmt.Errorf("%s at %#x: more than %d pages are outside of the linear map: what is in the rest is taken for untracked memory", what, from, maxPages))
				break
			}
			if absent > maxAbsent || checkContext(ctx, int(i)) != nil {
				break
			}
			addr := first + i<<pageShift
			phys, err := s.k.mem.Translate(addr)
			if err != nil {
				absent++
				continue
			}
			if s.a.linear(phys) != addr {
				pages[phys>>pageShift] = addr
			}
		}
		// What was only needed at boot is freed.
		if absent > 0 && from != s.k.lo+s.k.slide {
			bad.add(fmt.Errorf("%s at %#x: %d pages are not mapped", what, from, absent))
		}
	}
	k := s.k
	for n, i := range s.a.byAddr {
		if err := checkContext(ctx, n); err != nil {
			return nil, err
		}
		o := &s.a.objects[i]
		// Objects of the linear map are the most, and all pages of one of them are there.
		if phys, err := s.k.mem.Translate(o.Addr); err == nil && s.a.linear(phys) == o.Addr {
			continue
		}
		add("object", o.Addr, o.Size)
	}
	for _, t := range s.a.threads {
		add("stack", t.Stack.Addr, t.Stack.Size)
	}
	for _, m := range s.a.modules {
		for _, p := range m.parts {
			if !p.init {
				add("module "+m.name, p.base, p.size)
			}
		}
	}
	add("kernel image", k.lo+k.slide, k.hi-k.lo)
	for _, off := range s.a.cpuOffsets {
		add("per-CPU area", s.a.static.Addr+off, s.a.static.Size)
	}
	return pages, bad.err()
}
