// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak/internal/debugfile"
)

// Several builds of one module, or of the kernel image, of which no build ID tells the
// right one. Each backtrace
// is looked at with every build, by a Resolver that knows no other one, and the build
// that its frames fit best is taken. A build that does not fit, where another one fits,
// is not tried again: one Resolver serves one kernel.

// builds are the builds that there are of modules and of the kernel image, "".
type builds struct {
	mu    sync.Mutex
	known map[string][]debugfile.Build
	wrong map[debugfile.Build]bool // not those that were running
	with  map[debugfile.Build]*Resolver
}

// several returns the builds of a module, or of the kernel image, that may be meant, if
// there is more than one. Addresses have this size, 0 if that is not known. What excludes
// all builds excludes none.
func (r *Resolver) several(module string, bits int) []debugfile.Build {
	r.builds.mu.Lock()
	defer r.builds.mu.Unlock()
	all, ok := r.builds.known[module]
	if !ok {
		all = r.Files.Builds(module)
		if r.builds.known == nil {
			r.builds.known = make(map[string][]debugfile.Build)
		}
		if len(r.builds.known) < maxLoadable {
			r.builds.known[module] = all
		}
	}
	if len(all) < 2 {
		return nil
	}
	for _, excluded := range []func(b debugfile.Build) bool{
		func(b debugfile.Build) bool { return b.Foreign || bits != 0 && b.Bits != bits || r.builds.wrong[b] },
		func(b debugfile.Build) bool { return !r.memory.loads(module, b) },
	} {
		if keep := slices.DeleteFunc(slices.Clone(all), excluded); len(keep) > 0 {
			all = keep
		}
	}
	return all
}

// only returns a Resolver that knows one build of a module only, nil after Close.
func (r *Resolver) only(module string, b debugfile.Build) *Resolver {
	r.images.mu.Lock()
	closed := r.images.closed
	r.images.mu.Unlock()
	r.builds.mu.Lock()
	defer r.builds.mu.Unlock()
	if closed {
		return nil
	}
	v := r.builds.with[b]
	if v == nil {
		c := r.Config
		c.Files = r.Files.Choosing(module, b)
		v = New(c)
		v.images.ctx = r.images.ctx
		if r.builds.with == nil {
			r.builds.with = make(map[debugfile.Build]*Resolver)
		}
		r.builds.with[b] = v
	}
	return v
}

// trial is a backtrace as one build has it.
type trial struct {
	build debugfile.Build
	r     *Resolver
	calls []Call
	score [4]int // frames that do not fit, that fit in part, that are not known, that nothing proves; fewer are better
}

// choice is what was tried for a module: the first trials fit best, and equally.
type choice struct {
	r      *Resolver // that tried
	module string
	trials []trial
	best   int // how many fit best
}

// choose returns a backtrace as the builds have it that fit best, and their Resolver.
func (r *Resolver) choose(bt []Frame, addr uint64) ([]Call, *Resolver) {
	calls, bits := r.backtrace(bt, addr), r.bits(bt, addr)
	modules := make(map[string]bool)
	for i := range calls {
		if c := &calls[i]; (c.Module != "" || c.File != "") && c.Build == BuildUnknown {
			modules[ModuleName(c.Module)] = true
		}
	}
	if slices.ContainsFunc(calls, func(c Call) bool { return c.Frame.Func == "" && c.Build == BuildUnknown }) {
		// A bare address may be in any.
		if all := r.Files.Modules(); len(all) <= maxBare {
			for _, m := range all {
				modules[m] = true
			}
		}
	}
	var choices []choice
	for _, module := range slices.Sorted(maps.Keys(modules)) {
		t := choice{r: r, module: module, best: 1}
		for _, b := range r.several(module, bits) {
			if v := r.only(module, b); v != nil {
				one := trial{build: b, r: v, calls: v.backtrace(bt, addr)}
				one.score = score(one.calls, module)
				t.trials = append(t.trials, one)
			}
		}
		if len(t.trials) == 0 {
			continue
		}
		sort.SliceStable(t.trials, func(i, j int) bool { return slices.Compare(t.trials[i].score[:], t.trials[j].score[:]) < 0 })
		for t.best < len(t.trials) && t.trials[t.best].score == t.trials[0].score {
			t.best++
		}
		choices = append(choices, t)
		r, calls = t.trials[0].r, t.trials[0].calls
	}
	for i := range choices {
		choices[i].tell(calls)
	}
	return calls, r
}

// maxBare is how many modules there may be to try the builds of each for bare addresses.
const maxBare = 8

// score tells how badly a build of a module fits.
func score(calls []Call, module string) (s [4]int) {
	for i := range calls {
		switch c := &calls[i]; {
		case c.Kind == Elided:
		case c.Frame.Func == "" && len(c.Places) == 0:
			s[2]++
		case ModuleName(c.Module) != module:
		case c.Fits == 0 || c.Problem.denies():
			s[0]++
		case !c.SameName || !c.SizeFits:
			s[1]++
		case c.Link < LinkTail:
			s[3]++
		}
	}
	return s
}

// tell notes in the calls which other builds there are.
func (t *choice) tell(calls []Call) {
	r, module, trials, n := t.r, t.module, t.trials, t.best
	best, what := &trials[0], "module"
	if module == "" {
		what = "kernel image"
	}
	var rejected []string
	r.builds.mu.Lock()
	for _, b := range r.builds.known[module] {
		is := func(t trial) bool { return t.build == b }
		if slices.ContainsFunc(trials[:n], is) {
			continue
		}
		rejected = append(rejected, b.Path)
		if best.score[0] == 0 && slices.ContainsFunc(trials[n:], func(t trial) bool { return is(t) && t.score[0] > 0 }) {
			if r.builds.wrong == nil {
				r.builds.wrong = make(map[debugfile.Build]bool)
			}
			r.builds.wrong[b] = true
		}
	}
	r.builds.mu.Unlock()
	told := false
	for i := range calls {
		c := &calls[i]
		if ModuleName(c.Module) != module || c.File == "" {
			continue
		}
		if c.Err != nil && best.score[0] > 0 && len(rejected) > 0 {
			c.Err = fmt.Errorf("%w; of %d builds this one fits best, not %s", c.Err, len(rejected)+n, strings.Join(rejected, ", "))
		}
		// Most frames are of the kernel image: the first one tells.
		if len(rejected) > 0 && (module != "" || !told && c.Fits == 1 && !c.Problem.denies()) {
			told = true
			c.Chosen = fmt.Sprintf("of %d builds of the %s fits best, not %s", len(rejected)+n, what+" "+filepath.Base(c.File), strings.Join(rejected, ", "))
		}
		if c.Fits == 0 || c.Problem.denies() {
			continue
		}
		for _, t := range trials[1:n] {
			other := counterpart(t.calls, calls, i)
			if other == nil {
				c.Fits = max(c.Fits, 2) // by the other build, it is not there
				continue
			}
			for _, pos := range other.Places {
				if !slices.ContainsFunc(c.Places, func(own []Pos) bool { return slices.Equal(own, pos) }) {
					c.Places = append(slices.Clip(c.Places), pos)
				}
			}
			c.Fits = max(c.Fits, len(c.Places))
		}
		if c.Fits > 1 && n > 1 {
			c.Evidence = fmt.Sprintf("%d builds of the %s fit equally: %s", n, what, paths(trials[:n]))
		}
	}
}

// counterpart returns the call in another build's calls that stands where the i-th of own
// does, nil if there is none.
func counterpart(calls, own []Call, i int) *Call {
	k := 0
	for j := range own[:i] {
		if own[j].Kind != Elided {
			k++
		}
	}
	for j := range calls {
		c := &calls[j]
		switch {
		case own[i].Kind == Elided && c.Kind == Elided && k == 0 && c.Frame == own[i].Frame:
			return c
		case c.Kind == Elided:
		case k == 0:
			if own[i].Kind == Elided || c.Frame.Func != own[i].Frame.Func {
				return nil
			}
			return c
		default:
			k--
		}
	}
	return nil
}

func paths(trials []trial) string {
	var all []string
	for _, t := range trials {
		all = append(all, t.build.Path)
	}
	return strings.Join(all, ", ")
}
