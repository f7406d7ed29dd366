// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Bare addresses if it is not known where modules were.
//
// The kernel prints a bare address where no module is any more: in the memory of init
// functions, which is freed before the report is read, and in that of unloaded
// modules. What remains of the place is its distance from the start of a page,
// because the code of a module, and its init code, start on pages of their own. 4 KiB
// is the smallest page of all machines, and every larger page starts where a smaller
// one does. In each available module some places have this distance, and a call ends
// at few of them. At the right one, the call is of the function in the frame above,
// and the frame below calls the function that the place is in.
//
// If there are many modules, an init function alone is not enough evidence: in most
// modules it is at the start of its page, and modules of one kind begin alike. Then
// the place must also call another function of the same module.
const barePage = 4 << 10

// maxPossible is how many places are looked at for one address, and maxShown how many of
// those that fit are returned.
const (
	maxPossible = 4096
	maxShown    = 16
)

// possible is a place that a bare address may be.
type possible struct {
	r        *resolution // with one answer, without its position
	place    kobj.InModule
	base     uint64 // where the region would start
	named    bool   // the backtrace has frames of the module by name
	up, down Link
}

func (p *possible) region() kobj.Region { return p.place.Section.Region }

// recoverBare replaces the resolutions of bare addresses that are in no known module
// by what they mean.
func (r *Resolver) recoverBare(rs []*resolution) {
	if !slices.ContainsFunc(rs, (*resolution).lostAddress) {
		return
	}
	var places []int
	named := make(map[string]bool)
	for i, x := range rs {
		if !x.place() {
			continue
		}
		places = append(places, i)
		if m := ModuleName(x.frame.Module); m != "" {
			named[m] = true
		}
	}
	for k := 0; k < len(places); k++ {
		first := k
		for k < len(places) && rs[places[k]].lostAddress() {
			k++
		}
		if k == first {
			continue
		}
		run := make([]*resolution, 0, k-first)
		for _, i := range places[first:k] {
			run = append(run, rs[i])
		}
		var above, below *resolution
		if first > 0 {
			above = rs[places[first-1]].trusted()
		}
		if k < len(places) {
			below = rs[places[k]].trusted()
		}
		for i, x := range r.recoverRun(run, above, below, named) {
			rs[places[first+i]] = x
		}
	}
}

// trusted returns x, or nil if it is known to be wrong.
func (x *resolution) trusted() *resolution {
	if x.problem.denies() {
		return nil
	}
	return x
}

// lostAddress reports whether a frame is a bare address that is in no known
// module.
func (x *resolution) lostAddress() bool {
	return x.frame.Func == "" && len(x.answers) == 0 && x.frame.Addr != 0 && x.lost == ""
}

// recoverRun returns the resolutions of bare addresses that follow each other between
// the frames above and below, which may be nil.
func (r *Resolver) recoverRun(run []*resolution, above, below *resolution, named map[string]bool) []*resolution {
	modules := r.Files.Modules()
	for m := range named {
		if !slices.Contains(modules, m) {
			modules = append(modules, m)
		}
	}
	if len(modules) == 0 || len(run) > 64 {
		return run
	}
	slices.Sort(modules)
	var key strings.Builder
	for _, x := range append(append([]*resolution{above}, run...), below) {
		if x != nil {
			fmt.Fprintf(&key, "%#x %s %s %x %d;", x.frame.Addr&^(barePage-1)*uint64(min(len(run)-1, 1))|x.frame.Addr&(barePage-1),
				x.frame.Func, x.frame.Module, x.frame.Offset, len(x.answers))
		}
	}
	fmt.Fprint(&key, named)
	if n := r.lays.count(); n > 0 {
		fmt.Fprint(&key, n, run[0].frame.Addr)
	}
	known, ok := r.runs.get(key.String())
	if !ok {
		b := bareRun{r: r, run: run, above: above, below: below, named: named, sole: len(modules) == 1}
		if err := kobj.Guard(func() error {
			known = b.recover(modules)
			return nil
		}); err != nil {
			known = run
		}
		r.runs.put(key.String(), known)
	}
	// The addresses may differ in what was not looked at.
	out := slices.Clone(known)
	for i := range out {
		x := *out[i]
		x.frame = run[i].frame
		if len(x.answers) == 0 {
			x.trouble = run[i].trouble
		}
		out[i] = &x
	}
	return out
}

// bareRun is a run of bare addresses while it is worked on.
type bareRun struct {
	r            *Resolver
	run          []*resolution
	above, below *resolution
	named        map[string]bool
	sole         bool          // they may be in only one module
	all          [][]*possible // of each address
}

// recover returns what the addresses of the run mean.
func (b *bareRun) recover(modules []string) []*resolution {
	b.all = make([][]*possible, len(b.run))
	for _, m := range modules {
		if mod := b.r.memory.module(m); mod != nil && mod.hasCode() {
			continue // it is known where that module was
		}
		img, err := b.r.images.acquire(m, "")
		if err != nil {
			continue
		}
		for i := range b.run {
			if img.stale == nil && img.foreign == nil {
				b.possibleIn(img, m, i)
			}
		}
		b.r.images.release(img)
	}
	for i := range b.all {
		if len(b.all[i]) > maxPossible {
			return b.run // nothing can be said
		}
	}
	b.filter()
	b.relate()
	b.settle()
	out := slices.Clone(b.run)
	for i := 0; i < len(out); {
		end := b.segment(i)
		for ; i < end; i++ {
			out[i] = b.conclude(i, b.supports(i, end))
		}
	}
	return out
}
