// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"encoding/hex"
	"math"
	"sort"
	"strconv"
	"time"

	"github.com/kmemleak/kmemleak/internal/blame"
	"github.com/kmemleak/kmemleak/internal/sha256"
	"github.com/kmemleak/kmemleak/internal/stackkey"
)

// fingerprintDepth is the number of frames that make a fingerprint. Backtraces are
// cut after 16 frames, so the number of frames below the owner depends on how many of
// the 16 are allocators.
const fingerprintDepth = 8

// fingerprintVersion is the first digit of fingerprints. It changes with the rule that
// makes them: the tables of internal/blame do not count.
const fingerprintVersion = "2"

// Fingerprint returns 16 hexadecimal digits that are the same for leaks from the same
// place: across boots, builds of a kernel and dialects of reports. The first digit is the
// version of the rule, now 2: fingerprints of different versions must not be compared.
//
// It is made of the backtrace as printed, not of Calls: of the names of at most 8
// frames, without offsets, sizes, modules and compiler suffixes. The first is the
// owner's, as far as names alone tell (see [Owner]), and the last the one above the system
// call, work queue, thread or initcall that the kernel came from. So it does not depend on
// debugging information. A bare address contributes only its presence; if it is
// the owner, its low 12 bits count too, since its place in a page does not depend on
// where a module was loaded. Without an owner the allocators are used; without these,
// size and thread name.
//
// So a leak has two fingerprints if one report names its owner and another, read
// after the owner's memory or module was gone, does not. Single fingerprints may change
// when this package learns new names.
func (l Leak) Fingerprint() string {
	var b []byte
	_, owner := walkFrames(l.Backtrace, false)
	from := max(owner, 0)
	depth := 0
	for _, f := range l.Backtrace[from:] {
		if f.Inlined || f.isNothing() {
			continue
		}
		name := f.BaseName()
		if depth++; depth > fingerprintDepth || depth > 1 && blame.Entry(name) {
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
	return fingerprintVersion + hex.EncodeToString(sum[:8])[1:]
}

// A Group holds the leaks from one place: those with the same fingerprint.
type Group struct {
	Fingerprint  string
	Example      Leak          // the first of them
	Count        int           // objects, with those that Leak.More counts
	Bytes        uint64        // sum of their sizes, see Leak.Bytes
	FirstJiffies uint64        // smallest Jiffies
	LastJiffies  uint64        // largest Jiffies
	Oldest       time.Duration // largest Age; 0 if no age is known
	Youngest     time.Duration // smallest known Age; 0 if no age is known
	Leaks        []*Leak       // all of them, in their order; they point into the argument of Groups
}

// Groups groups leaks by fingerprint. The groups with the most bytes come first; of
// those with equally many, the ones with more objects, then the ones seen first.
func Groups(leaks []Leak) []Group {
	var groups []Group
	byPrint := make(map[string]int)
	// Leaks from one report share equal backtraces, so most need no fingerprint.
	known := make(map[stackkey.Key[Frame, Call]]int)
	for n := range leaks {
		l := &leaks[n]
		key := stackkey.Of[Frame, Call](l.Backtrace, nil) // Calls do not count
		i, ok := known[key]
		if !ok || key == (stackkey.Key[Frame, Call]{}) {
			print := l.Fingerprint()
			if i, ok = byPrint[print]; !ok {
				i = len(groups)
				groups = append(groups, Group{Fingerprint: print, Example: *l, FirstJiffies: l.Jiffies, LastJiffies: l.Jiffies, Youngest: l.Age})
				byPrint[print] = i
			}
			known[key] = i
		}
		groups[i].add(l)
	}
	sort.SliceStable(groups, func(i, j int) bool {
		a, b := &groups[i], &groups[j]
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Count, a.Count)) < 0
	})
	return groups
}

func (g *Group) add(l *Leak) {
	g.Leaks = append(g.Leaks, l)
	g.Count += l.Objects()
	if g.Bytes += l.Bytes(); g.Bytes < l.Bytes() {
		g.Bytes = math.MaxUint64
	}
	g.FirstJiffies = min(g.FirstJiffies, l.Jiffies)
	g.LastJiffies = max(g.LastJiffies, l.Jiffies)
	g.Oldest = max(g.Oldest, l.Age)
	if l.Age != 0 && (g.Youngest == 0 || l.Age < g.Youngest) {
		g.Youngest = l.Age
	}
}

// Diff compares two readings of the report on one boot. It returns the leaks of after
// that are not in before, and those of before that are not in after, in their order.
// It changes nothing in the kernel, so several programs can watch one kernel; with
// [Detector.Clear] they cannot.
//
// Two leaks are of the same object if Addr and Jiffies are equal. A report that was
// read while objects were freed may contain an object twice; Diff returns it once.
func Diff(before, after []Leak) (added, gone []Leak) {
	return onlyIn(before, after), onlyIn(after, before)
}

// onlyIn returns what is in b and not in a, each object once.
func onlyIn(a, b []Leak) (leaks []Leak) {
	type object [2]uint64
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

// DiffPlaces compares the places of two reports, which may be of two boots or builds of a
// kernel. It returns the leaks that a place has more in after than in before, and those
// that it has less: the last ones of each place, sorted as [Groups] sorts places.
//
// An owner's function of the same size is taken for the same code, in which each call
// counts by itself: so a new line in a known function is found.
func DiffPlaces(before, after []Leak) (added, gone []Leak) {
	b, a := Groups(before), Groups(after)
	return moreIn(b, a), moreIn(a, b)
}

// moreIn returns the leaks that the places of b have more than those of a.
func moreIn(a, b []Group) (more []Leak) {
	known := make(map[string]Group)
	for _, g := range a {
		known[g.Fingerprint] = g
	}
	for _, g := range b {
		old := known[g.Fingerprint]
		code, same := g.Example.site(true), old.Example.site(true)
		byCall := code.Size > 0 && code.Size == same.Size && code.Func == same.Func
		left := make(map[Frame]int)
		for _, l := range old.Leaks {
			left[l.site(byCall)] += l.Objects()
		}
		for _, l := range g.Leaks {
			at, rest := l.site(byCall), *l
			rest.More = l.Objects() - 1 - left[at]
			if left[at] = max(0, left[at]-l.Objects()); rest.More >= 0 {
				more = append(more, rest)
			}
		}
	}
	return more
}

// site returns name, offset and size of the owner's frame in the backtrace, or nothing.
func (l Leak) site(known bool) Frame {
	if !known {
		return Frame{}
	}
	_, owner := walkFrames(l.Backtrace, false) // as the fingerprint has it
	if owner < 0 {
		return Frame{}
	}
	f := l.Backtrace[owner]
	return Frame{Func: f.Func, Offset: f.Offset, Size: f.Size}
}
