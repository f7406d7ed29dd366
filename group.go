// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"time"
)

// fingerprintDepth is the number of frames that make a fingerprint. Backtraces are
// cut after 16 frames, and where depends on how many of them are allocators.
const fingerprintDepth = 8

// Owner gives the frame of the code that the leak belongs to: the first that is
// neither an allocator nor inlined. Which functions are allocators is in the table
// of allocator.go. The frame may be a bare address. If ok is false there is no such
// frame.
//
// Inlined frames do not count since only a report that a tool has decoded has
// them: the owner is the same before and after.
func (l Leak) Owner() (f Frame, ok bool) {
	i := ownerIndex(l.Backtrace)
	if i < 0 {
		return Frame{}, false
	}
	return l.Backtrace[i], true
}

// OwnerCall is [Leak.Owner] for what [Symbolizer.Backtrace] gives: call is the index
// of the call that the leak belongs to, -1 if there is none, and pos that of the
// place in its Pos where it asked for the memory, which is in the innermost function
// that is no allocator. pos is -1 where no place is known with [Assumed] confidence.
//
// What the Symbolizer has found out counts: the owner may be a function that the
// backtrace as printed does not have, or that it has no name of.
func OwnerCall(calls []Call) (call, pos int) {
	for i, c := range calls {
		f, last := c.Frame, -1
		if c.Confidence >= Assumed {
			last = len(c.Pos) - 1
		}
		if f.Func == "" && last >= 0 {
			f.Func = c.Pos[last].Func
		}
		if ownerIndex([]Frame{f}) < 0 || c.Kind == Elided && c.Confidence < Assumed {
			continue
		}
		for pos := range last {
			if !allocators.has(Frame{Func: c.Pos[pos].Func}.BaseName()) {
				return i, pos
			}
		}
		return i, last
	}
	return -1, -1
}

func ownerIndex(backtrace []Frame) int {
	return slices.IndexFunc(backtrace, func(f Frame) bool {
		return !f.Inlined && !isTerminator(f) && (f.Func == "" || !allocators.has(f.BaseName()))
	})
}

// isTerminator reports whether f is what old kernels put behind the last frame.
func isTerminator(f Frame) bool {
	return f.Func == "" && (f.Addr == math.MaxUint64 || f.Addr == math.MaxUint32 || f.Addr == 0)
}

// Fingerprint gives a short text that is the same for leaks from the same place:
// across boots, builds of a kernel and dialects of reports.
//
// It is made of the names of at most 8 frames from the owner frame (see
// [Leak.Owner]) to the one before the system call, work queue, thread or initcall
// that the kernel came from, without offsets, sizes, modules and compiler suffixes. Of a bare
// address counts that it is there; of one that is the owner itself the last 12
// bits, too: its place in a page does not depend on where a module was loaded.
// Without an owner, the allocators count, and without those, size and thread name.
//
// So the same leak has two fingerprints if one report names the owner and the other,
// read when the owner's memory or module was gone, does not. The fingerprint may
// change when this package learns new allocators.
func (l Leak) Fingerprint() string {
	var b []byte
	from := max(ownerIndex(l.Backtrace), 0)
	depth := 0
	for _, f := range l.Backtrace[from:] {
		if f.Inlined || isTerminator(f) {
			continue
		}
		name := f.BaseName()
		if depth++; depth > fingerprintDepth || depth > 1 && entries.has(name) {
			break
		}
		switch {
		case name != "":
			b = append(b, name...)
		case depth == 1:
			b = strconv.AppendUint(append(b, "0x"...), f.Addr&0xfff, 16)
		default:
			b = append(b, "0x"...)
		}
		b = append(b, '\n')
	}
	if len(b) == 0 {
		b = strconv.AppendUint(b, l.Size, 10)
		b = append(append(b, ' '), l.Comm...)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// A Cluster is the leaks from one place.
type Cluster struct {
	Fingerprint  string
	Example      Leak          // the first of them
	Count        int           // leaks
	Bytes        uint64        // sum of their sizes
	FirstJiffies uint64        // smallest and largest Jiffies
	LastJiffies  uint64        //
	Oldest       time.Duration // largest and smallest Age; both 0 if no age is known
	Youngest     time.Duration //
}

// Owner is that of the example.
func (c Cluster) Owner() (f Frame, ok bool) { return c.Example.Owner() }

// Group puts leaks with the same fingerprint together. The cluster with the most
// bytes comes first, of those with equally many the one with more leaks, then the
// one that was seen first.
func Group(leaks []Leak) []Cluster {
	var clusters []Cluster
	byPrint := make(map[string]int)
	// Leaks from one report share equal backtraces, so most need no fingerprint.
	known := make(map[BacktraceKey]int)
	for _, l := range leaks {
		key := KeyOf(l.Backtrace)
		i, ok := known[key]
		if !ok || len(l.Backtrace) == 0 {
			print := l.Fingerprint()
			if i, ok = byPrint[print]; !ok {
				i = len(clusters)
				clusters = append(clusters, Cluster{
					Fingerprint: print, Example: l, FirstJiffies: l.Jiffies, LastJiffies: l.Jiffies, Youngest: l.Age,
				})
				byPrint[print] = i
			}
			known[key] = i
		}
		clusters[i].add(l)
	}
	slices.SortStableFunc(clusters, func(a, b Cluster) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Count, a.Count))
	})
	return clusters
}

func (c *Cluster) add(l Leak) {
	c.Count++
	if c.Bytes += l.Size; c.Bytes < l.Size {
		c.Bytes = math.MaxUint64
	}
	c.FirstJiffies = min(c.FirstJiffies, l.Jiffies)
	c.LastJiffies = max(c.LastJiffies, l.Jiffies)
	c.Oldest = max(c.Oldest, l.Age)
	if l.Age != 0 && (c.Youngest == 0 || l.Age < c.Youngest) {
		c.Youngest = l.Age
	}
}

// Diff compares two readings of the report on one boot. It gives the leaks of after
// that are not in before, and those of before that are not in after, in their
// order. It changes nothing, so several programs can watch one kernel, which they
// cannot with [Detector.Clear].
//
// An object is the same if its address and the time of its allocation are: Addr and
// Jiffies. A report that was read while objects were freed may hold one
// twice; it is given once.
func Diff(before, after []Leak) (added, gone []Leak) {
	return onlyIn(before, after), onlyIn(after, before)
}

// onlyIn gives what is in b and not in a, each object once.
func onlyIn(a, b []Leak) (leaks []Leak) {
	type object struct {
		addr, jiffies uint64
	}
	seen := make(map[object]bool, len(a))
	for _, l := range a {
		seen[object{l.Addr, l.Jiffies}] = true
	}
	for _, l := range b {
		if o := (object{l.Addr, l.Jiffies}); !seen[o] {
			seen[o] = true
			leaks = append(leaks, l)
		}
	}
	return leaks
}
