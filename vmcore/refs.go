// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
)

// Ref is a place in memory that holds the address of an object, or of its inside.
type Ref struct {
	Addr   uint64 // of the place; where kmemleak or the code has it, else in the linear map
	Value  uint64 // what is there
	Target uint64 // address of the object
	Offset uint64 // of Value in the object

	// Changed says that the place had another value when it was read again: the kernel runs.
	Changed bool

	Holder Holder
}

// Referrers are all that is known about who refers to an object.
type Referrers struct {
	Object Object // its Size is 0 if the address is in no object that kmemleak tracks
	Refs   []Ref  // by address; scanned places first

	// Roots are where the leaked structure begins that the object is part of; nil if it is
	// not leaked.
	Roots []Root

	// Held is what holds the object through other objects, if only these point to it and it
	// is not leaked; nil if that is not so, or if nothing was found.
	Held *Path

	// More is the number of references that were left out, because there are more than
	// MaxRefs.
	More int
}

// MaxRefs is the number of references that are kept for one object.
const MaxRefs = 1000

// Refs returns who refers to the objects at some addresses, which may be inside of them.
// It looks at all memory: at what kmemleak scans (variables, per-CPU areas, stacks,
// other objects), and at what it does not. kmemleak's own records are left out.
//
// An address that is in no tracked object is looked for as it is. Where the image lacks
// pages or the kernel's data is damaged, what was found is returned with an error.
func (k *Kernel) Refs(ctx context.Context, addrs ...uint64) ([]Referrers, error) {
	a, err := k.newAtlas(ctx)
	if a == nil {
		return nil, err
	}
	var bad problems
	bad.add(err)
	s := search{k: k, a: a}
	for _, addr := range addrs {
		s.target(addr)
	}
	slices.SortStableFunc(s.targets, func(x, y *target) int { return cmp.Compare(x.addr, y.addr) })
	live := k.mem.Info().Live
	if live {
		bad.add(s.own.add())
	}
	if err := s.run(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		bad.add(err)
	}
	if live {
		bad.add(s.own.add())
	}
	bad.add(s.place(ctx))
	bad.add(s.roots(ctx))
	bad.add(s.follow(ctx))
	var found []Referrers
	for _, addr := range addrs {
		for _, t := range s.targets {
			if addr-t.addr < t.size {
				found = append(found, t.found)
				break
			}
		}
	}
	return found, bad.err()
}

// search is one pass over memory.
type search struct {
	k       *Kernel
	a       *atlas
	targets []*target // by address
	own     own       // of a running kernel

	mu   sync.Mutex
	hits []hit
	more map[*target]int
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

func (s *search) target(addr uint64) {
	t := &target{addr: addr, size: 1}
	o := s.a.find(s.a.byAddr, addr)
	if o == nil {
		o = s.a.find(s.a.perCPU, addr)
	}
	if o != nil {
		t.addr, t.size, t.found.Object = o.Addr, o.Size, *o
	}
	if !slices.ContainsFunc(s.targets, func(x *target) bool { return x.addr == t.addr }) {
		s.targets = append(s.targets, t)
	}
}

// run looks at all memory.
func (s *search) run(ctx context.Context) error {
	if len(s.targets) == 0 {
		return nil
	}
	first := s.targets[0].addr
	last := s.targets[len(s.targets)-1]
	span := last.addr + last.size - first
	s.more = make(map[*target]int)
	return s.k.mem.Scan(ctx, func(phys uint64, b []byte) {
		for i := 0; i+8 <= len(b); i += 8 {
			v := binary.LittleEndian.Uint64(b[i : i+8])
			if v-first >= span {
				continue
			}
			// What this process had before would be more than is kept.
			if t := s.targetOf(v); t != nil && !s.own.pages[(phys+uint64(i))>>pageShift] {
				s.add(hit{phys + uint64(i), v, t})
			}
		}
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

func (s *search) add(h hit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// kmemleak's records are among them, and are left out later.
	if h.t.n++; h.t.n > 4*MaxRefs {
		s.more[h.t]++
		return
	}
	s.hits = append(s.hits, h)
}

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
		t.found.More += s.more[t]
		slices.SortStableFunc(t.found.Refs, func(x, y Ref) int {
			return cmp.Or(cmp.Compare(rank(y), rank(x)), cmp.Compare(x.Addr, y.Addr))
		})
	}
	return bad.err()
}

// ref tells what a place is. It is not ok if the place is kmemleak's own or ours.
func (s *search) ref(ctx context.Context, h hit, pages map[uint64]uint64) (r Ref, ok bool, err error) {
	addr := s.a.linear(h.phys)
	if page, ok := pages[h.phys>>pageShift]; ok {
		addr = page | h.phys&(1<<pageShift-1)
	}
	if s.a.ownRecord(addr) || s.own.pages[h.phys>>pageShift] {
		return Ref{}, false, nil
	}
	r = Ref{Addr: addr, Value: h.value, Target: h.t.addr, Offset: h.value - h.t.addr}
	r.Holder, err = s.a.holder(ctx, addr)
	if r.Holder.Kind == HolderStack && s.own.threads[r.Holder.Task.PID] {
		return Ref{}, false, err
	}
	if s.own.pages != nil {
		r.Changed = s.changed(addr, h.value)
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
			if len(pages) >= maxPages || absent > maxAbsent || checkContext(ctx, int(i)) != nil {
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
	for i := range s.a.objects {
		if err := checkContext(ctx, i); err != nil {
			return nil, err
		}
		o := &s.a.objects[i]
		if o.PerCPU || o.Phys || o.Flags&flagAllocated == 0 {
			continue
		}
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

// roots follows leaked objects to where their structure begins.
func (s *search) roots(ctx context.Context) error {
	var leaked []*Object
	any := false
	for i := range s.a.objects {
		if o := &s.a.objects[i]; o.Reported {
			leaked = append(leaked, o)
		}
	}
	for _, t := range s.targets {
		any = any || t.found.Object.Reported
	}
	if !any {
		return nil
	}
	g, err := s.k.newGraph(ctx, leaked)
	if g == nil {
		return err
	}
	for _, t := range s.targets {
		if t.found.Object.Reported {
			if i := g.find(t.addr); i >= 0 {
				t.found.Roots = g.roots(i)
			}
		}
	}
	return err
}
