// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
)

// Root is where a leaked structure begins: an object to which no leaked object outside
// of it points.
type Root struct {
	Object  Object
	Ring    int    // objects that all can be reached from each other, Object included; 1 if there is none but Object
	Objects int    // leaked objects that can be reached from Object, itself included
	Bytes   uint64 // of these
}

// String returns the root in a few words.
func (r Root) String() string {
	s := fmt.Sprintf("object %#x of %d bytes", r.Object.Addr, r.Object.Size)
	if r.Ring > 1 {
		s += fmt.Sprintf(", in a ring of %d", r.Ring)
	}
	return s + fmt.Sprintf(", with %d objects and %d bytes in all", r.Objects, r.Bytes)
}

// graph is which leaked objects point to which.
type graph struct {
	objects []*Object // by address
	to      [][]int32
}

// maxScanned bounds how much of one object is read at once.
const maxScanned = 1 << 20

// newGraph reads the contents of objects as kmemleak scans them.
func (k *Kernel) newGraph(ctx context.Context, objects []*Object) (*graph, error) {
	g := &graph{objects: slices.Clone(objects)}
	slices.SortFunc(g.objects, func(a, b *Object) int { return cmp.Compare(a.Addr, b.Addr) })
	g.to = make([][]int32, len(g.objects))
	var bad problems
	var buffer []byte
	for i, o := range g.objects {
		if err := checkContext(ctx, i); err != nil {
			return nil, err
		}
		if o.Flags&flagNoScan != 0 || o.PerCPU || o.Phys {
			continue
		}
		areas := o.Areas
		if areas == nil || o.Flags&flagFullScan != 0 {
			areas = []Range{{o.Addr, o.Size}}
		}
		for _, area := range areas {
			for from := area.Addr; from < area.Addr+area.Size; from += maxScanned {
				n := min(maxScanned, area.Addr+area.Size-from)
				buffer = slices.Grow(buffer[:0], int(n))[:n]
				if err := k.mem.ReadAt(buffer, from); err != nil {
					bad.add(fmt.Errorf("content of object %#x: %w", o.Addr, err))
					break
				}
				g.link(i, from, buffer, k.word)
			}
		}
		slices.Sort(g.to[i])
		g.to[i] = slices.Compact(g.to[i])
	}
	return g, bad.err()
}

// link adds the pointers in the content of object i.
func (g *graph) link(i int, from uint64, b []byte, size int) {
	skip := int(-from & uint64(size-1))
	if skip > len(b) {
		return
	}
	for b = b[skip:]; len(b) >= size; b = b[size:] {
		if j := g.find(number(b[:size])); j >= 0 && j != i {
			g.to[i] = append(g.to[i], int32(j))
		}
	}
}

// find returns the object that an address is in, or -1.
func (g *graph) find(addr uint64) int {
	i := sort.Search(len(g.objects), func(i int) bool { return g.objects[i].Addr > addr }) - 1
	if i < 0 || addr-g.objects[i].Addr >= g.objects[i].Size {
		return -1
	}
	return i
}

// reach returns the objects that can be reached from some by edges.
func reach(edges [][]int32, from ...int32) []int32 {
	seen := make(map[int32]bool)
	var all []int32
	for _, i := range from {
		if !seen[i] {
			seen[i], all = true, append(all, i)
		}
	}
	for n := 0; n < len(all); n++ {
		for _, j := range edges[all[n]] {
			if !seen[j] {
				seen[j], all = true, append(all, j)
			}
		}
	}
	return all
}

// back returns which objects point to each.
func (g *graph) back() [][]int32 {
	back := make([][]int32, len(g.to))
	for from, list := range g.to {
		for _, to := range list {
			back[to] = append(back[to], int32(from))
		}
	}
	return back
}

// roots returns where the structures begin that an object is part of. It is the object
// itself if no other leaked object points to it.
func (g *graph) roots(i int) []Root {
	back := g.back()
	above := reach(back, int32(i))
	inside := make(map[int32]bool, len(above))
	for _, j := range above {
		inside[j] = true
	}
	var roots []Root
	for _, ring := range g.rings(above, inside) {
		members := make(map[int32]bool, len(ring))
		for _, j := range ring {
			members[j] = true
		}
		if slices.ContainsFunc(ring, func(j int32) bool {
			return slices.ContainsFunc(back[j], func(from int32) bool { return !members[from] })
		}) {
			continue // something leads here
		}
		r := Root{Ring: len(ring), Object: *g.head(ring)}
		for _, j := range reach(g.to, ring...) {
			r.Objects++
			r.Bytes += g.objects[j].Size
		}
		roots = append(roots, r)
	}
	slices.SortFunc(roots, func(a, b Root) int {
		return cmp.Or(cmp.Compare(b.Objects, a.Objects), cmp.Compare(a.Object.Addr, b.Object.Addr))
	})
	return roots
}

// head returns the object by which a ring is called: a head differs from the nodes by
// where it was allocated. If nothing differs, or all do, it is the oldest.
func (g *graph) head(ring []int32) *Object {
	sites := make(map[string]int)
	site := func(j int32) string { return fmt.Sprint(g.objects[j].Size, g.objects[j].Stack) }
	for _, j := range ring {
		sites[site(j)]++
	}
	best := ring[0]
	for _, j := range ring[1:] {
		a, b := g.objects[j], g.objects[best]
		if cmp.Or(cmp.Compare(sites[site(j)], sites[site(best)]), cmp.Compare(a.Jiffies, b.Jiffies), cmp.Compare(a.Addr, b.Addr)) < 0 {
			best = j
		}
	}
	return g.objects[best]
}

// rings returns the strongly connected components among some objects: Tarjan's
// algorithm, without recursion, since lists may have millions of nodes.
func (g *graph) rings(nodes []int32, inside map[int32]bool) [][]int32 {
	type state struct{ index, low int32 }
	type call struct {
		node int32
		next int
	}
	states := make(map[int32]*state, len(nodes))
	on := make(map[int32]bool)
	var stack []int32
	var rings [][]int32
	for _, start := range nodes {
		if states[start] != nil {
			continue
		}
		calls := []call{{start, 0}}
		for len(calls) > 0 {
			c := &calls[len(calls)-1]
			s := states[c.node]
			if s == nil {
				n := int32(len(states))
				s = &state{n, n}
				states[c.node] = s
				stack, on[c.node] = append(stack, c.node), true
			}
			if c.next < len(g.to[c.node]) {
				to := g.to[c.node][c.next]
				c.next++
				switch {
				case !inside[to]:
				case states[to] == nil:
					calls = append(calls, call{to, 0})
				case on[to]:
					s.low = min(s.low, states[to].index)
				}
				continue
			}
			if s.low == s.index {
				var ring []int32
				for {
					last := stack[len(stack)-1]
					stack, on[last] = stack[:len(stack)-1], false
					ring = append(ring, last)
					if last == c.node {
						break
					}
				}
				rings = append(rings, ring)
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				parent := states[calls[len(calls)-1].node]
				parent.low = min(parent.low, s.low)
			}
		}
	}
	return rings
}
