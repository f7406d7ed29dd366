// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"cmp"
	"context"
	"errors"
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
	buffer := make([]byte, maxScanned)
	for i, o := range g.objects {
		if err := checkContext(ctx, i); err != nil {
			return nil, err
		}
		if o.PerCPU || o.Phys {
			continue
		}
		for _, area := range o.scanned() {
			if err := k.pieces(ctx, area, buffer, func(from uint64, b []byte) { g.link(i, from, b, k.word) }); err != nil {
				bad.add(fmt.Errorf("content of object %#x: %w", o.Addr, err))
			}
		}
		slices.Sort(g.to[i])
		g.to[i] = slices.Compact(g.to[i])
	}
	return g, bad.err()
}

// pieces calls fn with the content of an area, as far as it can be read: where pages are
// missing, the others count. The error is that of a page that is there, if there is such a
// one, else that of the first that is not.
func (k *Kernel) pieces(ctx context.Context, area Range, buffer []byte, fn func(from uint64, b []byte)) (bad error) {
	missing := 0
	for from, end := area.Addr, area.Addr+area.Size; from < end; {
		b := buffer[:min(uint64(len(buffer)), end-from)]
		if k.mem.ReadAt(b, from) == nil {
			fn(from, b)
			from += uint64(len(b))
			continue
		}
		for stop := from + uint64(len(b)); from < stop; {
			page := b[:min(smallestPage-from%smallestPage, stop-from)]
			if err := k.mem.ReadAt(page, from); err == nil {
				fn(from, page)
			} else if missing++; bad == nil || errors.Is(bad, ErrAbsent) && !errors.Is(err, ErrAbsent) {
				bad = err
			}
			from += uint64(len(page))
		}
		if missing > maxAbsent || ctx.Err() != nil {
			return bad
		}
	}
	return bad
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

// reach returns the objects that can be reached from some by edges, these included.
func reach(edges [][]int32, from ...int32) []int32 {
	seen := make(map[int32]bool)
	all := slices.Clone(from)
	for _, i := range from {
		seen[i] = true
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

// MaxRoots is how many roots of one object are kept.
const MaxRoots = 64

// roots returns a function that returns where the structures begin that an object is part
// of, the largest first. It is the object itself if no other leaked object points to it.
func (g *graph) roots() func(i int) []Root {
	rings := g.rings()
	ringOf := make([]int32, len(g.to))
	for n, ring := range rings {
		for _, i := range ring {
			ringOf[i] = int32(n)
		}
	}
	above := g.above(rings, ringOf)
	made := make([]*Root, len(rings))
	return func(i int) []Root {
		var roots []Root
		for _, n := range above[ringOf[i]] {
			if made[n] == nil {
				r := &Root{Ring: len(rings[n]), Object: *g.head(rings[n])}
				for _, j := range reach(g.to, rings[n]...) {
					r.Objects++
					r.Bytes += g.objects[j].Size
				}
				made[n] = r
			}
			roots = append(roots, *made[n])
		}
		slices.SortFunc(roots, func(a, b Root) int {
			return cmp.Or(cmp.Compare(b.Objects, a.Objects), cmp.Compare(a.Object.Addr, b.Object.Addr))
		})
		return roots
	}
}

// above returns for each ring those that lead to it and that nothing leads to, at most
// MaxRoots.
func (g *graph) above(rings [][]int32, ringOf []int32) [][]int32 {
	above := make([][]int32, len(rings))
	// A ring comes behind all to which it leads.
	for n := int32(len(rings)) - 1; n >= 0; n-- {
		if above[n] == nil {
			above[n] = []int32{n}
		}
		for _, i := range rings[n] {
			for _, j := range g.to[i] {
				switch to := ringOf[j]; {
				case to == n:
				case above[to] == nil:
					above[to] = above[n] // shared: most have one way to them
				default:
					above[to] = union(above[to], above[n])
				}
			}
		}
	}
	return above
}

// union returns the numbers in a or b, both ascending, at most MaxRoots of them. It changes
// neither.
func union(a, b []int32) []int32 {
	if &a[0] == &b[0] && len(a) == len(b) || slices.Equal(a, b) {
		return a
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	all = slices.Compact(all)
	return slices.Clip(all[:min(len(all), MaxRoots)])
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

// rings returns the strongly connected components, each behind all that it leads to:
// Tarjan's algorithm, without recursion, since lists may have millions of nodes.
func (g *graph) rings() [][]int32 {
	type call struct {
		node int32
		next int
	}
	const unseen = -1
	index, low := make([]int32, len(g.to)), make([]int32, len(g.to))
	for i := range index {
		index[i] = unseen
	}
	on := make([]bool, len(g.to))
	var count int32
	var stack []int32
	var rings [][]int32
	for start := range g.to {
		if index[start] != unseen {
			continue
		}
		calls := []call{{int32(start), 0}}
		for len(calls) > 0 {
			c := &calls[len(calls)-1]
			node := c.node
			if index[node] == unseen {
				index[node], low[node] = count, count
				count++
				stack, on[node] = append(stack, node), true
			}
			if c.next < len(g.to[node]) {
				to := g.to[node][c.next]
				c.next++
				if index[to] == unseen {
					calls = append(calls, call{to, 0})
				} else if on[to] {
					low[node] = min(low[node], index[to])
				}
				continue
			}
			if low[node] == index[node] {
				at := len(stack) - 1
				for stack[at] != node {
					at--
				}
				ring := slices.Clone(stack[at:])
				for _, i := range ring {
					on[i] = false
				}
				stack = stack[:at]
				rings = append(rings, ring)
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				parent := calls[len(calls)-1].node
				low[parent] = min(low[parent], low[node])
			}
		}
	}
	return rings
}
