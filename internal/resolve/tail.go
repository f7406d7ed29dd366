// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"path"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Bounds of the search for tail calls. Chains of more than three were not seen.
const (
	maxHops  = 8
	maxSteps = 256 // functions that are looked at
	maxPaths = 32
)

// tailWalk looks for the ways on which jumps lead from one function to another.
type tailWalk struct {
	*linker
	to     function
	wantID string

	cut   bool // a bound was reached
	exits map[function]*exits
	paths [][]step
	wild  [][]step // ways to a function that may jump anywhere
}

// step is a function on a way, and where it jumps to the next one.
type step struct {
	function
	jumps []uint64
	next  string
}

// exits are the functions that a function may jump to.
type exits struct {
	to       []exit // each function once
	anywhere bool   // it may also jump to a place that the code does not show
}

type exit struct {
	function
	jumps []uint64 // addresses
}

// walk returns the link from a call of from to w.to.
func (w *tailWalk) walk(from function) link {
	from, found := w.find(from)
	if !found {
		return w.between(from)
	}
	if w.is(from) {
		return link{kind: LinkDirect}
	}
	w.exits = make(map[function]*exits)
	w.follow(from)
	switch {
	case len(w.paths) > 0:
		return link{kind: LinkTail, hops: w.hops()}
	case len(w.wild) > 0 || w.cut:
		return w.between(from)
	case w.assembler(w.to):
		return link{}
	}
	return link{kind: LinkDenied}
}

// between returns the link by a function that was called and of which nothing shows how
// it led to w.to.
func (w *tailWalk) between(fn function) link {
	switch {
	case fn.path == "" && w.alike(fn.name, w.to.name):
		return link{}
	case fn.path == "":
		fn.module = "" // it is in another file than that of the call
	}
	if fn.name == "" {
		return link{}
	}
	return link{hops: []hop{w.hop(fn, nil, "")}}
}

// alike reports whether two names may be of one function, whose file is not at hand: a
// function may have several, such as __do_it and do_it. Allocators have many, and are
// nobody's leak.
func (w *tailWalk) alike(a, b string) bool {
	base := func(name string) string {
		return strings.TrimSuffix(kobj.Stem(strings.TrimLeft(name, "._")), "_noprof")
	}
	return base(a) == base(b) || w.allocates != nil && w.allocates(a) && w.allocates(b)
}

// follow looks for ways from a function, the shortest first.
func (w *tailWalk) follow(from function) {
	ways := [][]step{{{function: from}}} // the last step of each is to be looked at
	for steps := 0; len(ways) > 0; steps++ {
		way := ways[0]
		ways = ways[1:]
		if steps == maxSteps || len(way) > maxHops || len(w.paths)+len(w.wild) == maxPaths {
			w.cut = true
			return
		}
		fn := way[len(way)-1].function
		e := w.exits[fn]
		if e == nil {
			e = w.examine(fn)
			w.exits[fn] = e
		}
		if e.anywhere {
			w.wild = append(w.wild, way)
		}
		for _, x := range e.to {
			next := slices.Clone(way)
			next[len(next)-1] = step{fn, x.jumps, x.name}
			switch {
			case w.is(x.function):
				w.paths = append(w.paths, next)
			case !slices.ContainsFunc(next, func(s step) bool { return s.function == x.function }):
				ways = append(ways, append(next, step{function: x.function}))
			}
		}
	}
}

// hops returns what all ways have in common, the innermost first.
func (w *tailWalk) hops() []hop {
	var hops []hop
	first := w.paths[0]
	for i, st := range first {
		if w.cut && i > 0 {
			break // there may be further ways
		}
		jumps := slices.Clone(st.jumps)
		next, certain, common := st.next, !w.cut, true
		for _, other := range w.paths[1:] {
			k := slices.IndexFunc(other, func(o step) bool { return o.function == st.function })
			if k < 0 {
				common = false
				break
			}
			if other[k].next != next {
				next = ""
			}
			jumps = append(jumps, other[k].jumps...)
		}
		for _, other := range w.wild {
			k := slices.IndexFunc(other, func(o step) bool { return o.function == st.function })
			switch {
			case k < 0:
				common = false
			case k == len(other)-1:
				certain = false // it may have jumped from there
			default:
				// On that way it jumped to another function.
				if other[k].next != next {
					next = ""
				}
				jumps = append(jumps, other[k].jumps...)
			}
		}
		if !common {
			continue
		}
		if !certain {
			jumps, next = nil, ""
		}
		slices.Sort(jumps)
		hops = append(hops, w.hop(st.function, slices.Compact(jumps), next))
	}
	slices.Reverse(hops)
	return hops
}

// hop looks up where a function jumps.
func (w *tailWalk) hop(fn function, jumps []uint64, next string) hop {
	h := hop{function: fn, next: next, pos: []Pos{{Func: Demangled(fn.name)}}}
	img, err := w.acquire(fn.module)
	if err != nil {
		return h
	}
	defer w.images.release(img)
	if img.path != fn.path {
		return h
	}
	h.fileID = img.buildID
	at := fn.entry
	if len(jumps) > 0 {
		at = jumps[0]
	}
	look := func(addr uint64, whole bool) []Pos {
		a := img.answer(w.source, fn.name, candidate{entry: fn.entry, pc: addr, whole: whole})
		return a.pos
	}
	h.pos = look(at, len(jumps) == 0)
	for _, addr := range jumps {
		if !slices.Equal(look(addr, false), h.pos) {
			h.pos = look(fn.entry, true)
			break
		}
	}
	return h
}

// acquire opens the file of a module.
func (w *tailWalk) acquire(module string) (*image, error) {
	want := ""
	if module == w.to.module {
		want = w.wantID
	}
	return w.images.acquire(module, w.memory.wanted(module, want))
}

// find completes what is known about a function by looking for its file. It returns
// false if nothing more is to be found out.
func (w *tailWalk) find(fn function) (function, bool) {
	if fn.path != "" {
		img, err := w.acquire(fn.module)
		if err != nil {
			return fn, false
		}
		defer w.images.release(img)
		if img.path != fn.path {
			return fn, false
		}
		return img.functionAt(fn.module, fn.entry, fn.name)
	}
	if w.is(fn) {
		return fn, true
	}
	// A function of another file: of the kernel, or of the wanted module.
	modules := []string{"", w.to.module}
	for _, module := range slices.Compact(modules) {
		img, err := w.acquire(module)
		if err != nil {
			continue
		}
		symbols, err := img.file.Lookup(fn.name)
		if err == nil && len(symbols) > 0 {
			found := function{module, fn.name, img.path, symbols[0].Addr()}
			one := !slices.ContainsFunc(symbols, func(s kobj.Symbol) bool { return s.Addr() != found.entry })
			w.images.release(img)
			return found, one
		}
		w.images.release(img)
	}
	return fn, false
}

// functionAt returns the function that an address is in.
func (img *image) functionAt(module string, addr uint64, name string) (function, bool) {
	fn := function{module, name, img.path, addr}
	sec, off := img.file.SectionAt(addr)
	if sec == nil {
		return fn, false
	}
	sym, ok := img.file.SymbolAt(sec, off)
	if !ok {
		return fn, false
	}
	fn.entry, fn.name = sym.Addr(), sym.Name
	// The cold part of a function has a symbol of its own.
	if f, err := img.function(addr); err == nil && f.Entry != 0 && f.Entry != fn.entry {
		if sec, off := img.file.SectionAt(f.Entry); sec != nil {
			if sym, ok := img.file.SymbolAt(sec, off); ok && (sym.Addr() == f.Entry || img.patchable(sym.Addr(), f.Entry)) {
				fn.entry, fn.name = sym.Addr(), sym.Name
			}
		}
	}
	return fn, true
}

// maxPatchable is how many bytes of nops there may be in front of a function's code.
const maxPatchable = 64

// function returns the function at an address. Compilers leave the nops that
// -fpatchable-function-entry asks for, which are at the function's symbol, out of its
// range: then the range is made to begin with them.
func (img *image) function(addr uint64) (dwarf.Function, error) {
	f, err := img.debug.Function(addr)
	if err == nil {
		return f, nil
	}
	sec, off := img.file.SectionAt(addr)
	if sec == nil {
		return f, err
	}
	sym, ok := img.file.SymbolAt(sec, off)
	if !ok || addr-sym.Addr() > maxPatchable {
		return f, err
	}
	for at := addr + 2; at <= sym.Addr()+maxPatchable; at += 2 {
		if next, ok := img.file.SymbolAt(sec, at-sec.Addr); !ok || next.Addr() != sym.Addr() {
			break
		}
		g, failed := img.debug.Function(at)
		if failed != nil {
			continue
		}
		if g.Entry != at {
			break
		}
		g.Entry = sym.Addr()
		g.Ranges = append([]dwarf.Range{{Low: sym.Addr(), High: at}}, g.Ranges...)
		return g, nil
	}
	return f, err
}

// patchable reports whether the code of the function at a symbol begins at an address, and
// there are only nops in front of it.
func (img *image) patchable(symbol, entry uint64) bool {
	if entry <= symbol || entry-symbol > maxPatchable {
		return false
	}
	if _, err := img.debug.Function(symbol); err == nil {
		return false
	}
	f, err := img.debug.Function(entry)
	return err == nil && f.Entry == entry
}

// is reports whether fn is the wanted function.
func (w *tailWalk) is(fn function) bool {
	if fn.path == "" || w.to.path == "" {
		return (fn.path == "" || fn.module == w.to.module) && sameName(fn.name, w.to.name)
	}
	if fn.path != w.to.path {
		return false
	}
	if fn.entry == w.to.entry {
		return true
	}
	img, err := w.acquire(w.to.module)
	if err != nil {
		return false
	}
	defer w.images.release(img)
	if img.path != w.to.path {
		return false
	}
	canonical, ok := img.functionAt(w.to.module, w.to.entry, w.to.name)
	return ok && fn.entry == canonical.entry
}

// examine finds out where a function jumps to.
func (w *tailWalk) examine(fn function) *exits {
	unknown := &exits{anywhere: true}
	if fn.path == "" {
		return unknown
	}
	img, err := w.acquire(fn.module)
	if err != nil {
		return unknown
	}
	defer w.images.release(img)
	if img.path != fn.path {
		return unknown
	}
	f, err := img.function(fn.entry)
	if assembler(f, err) || f.Entry != fn.entry || len(f.Ranges) == 0 {
		// Not from a compiler: it may do anything, for example continue in the
		// function behind it.
		return unknown
	}
	e := &exits{anywhere: f.Err != nil}
	own := func(addr uint64) bool {
		return slices.ContainsFunc(f.Ranges, func(r dwarf.Range) bool { return r.Low <= addr && addr < r.High })
	}
	add := func(callee string, target, at uint64) {
		x := function{module: fn.module, name: callee}
		ok := false
		if target != 0 {
			x, ok = img.functionAt(fn.module, target, callee)
			if x.entry == fn.entry {
				return
			}
		} else {
			x, ok = w.find(function{name: callee})
		}
		if !ok && !w.is(x) {
			e.anywhere = true
			return
		}
		if i := slices.IndexFunc(e.to, func(y exit) bool { return y.function == x }); i >= 0 {
			if !slices.Contains(e.to[i].jumps, at) {
				e.to[i].jumps = append(e.to[i].jumps, at)
			}
			return
		}
		e.to = append(e.to, exit{x, []uint64{at}})
	}
	seen := make(map[uint64]bool)
	for _, r := range f.Ranges {
		jumps, ok := img.file.Jumps(r.Low, r.High, own)
		e.anywhere = e.anywhere || !ok
		for _, j := range jumps {
			seen[j.Addr] = true
			switch {
			case j.To.Kind != kobj.CallDirect:
				e.anywhere = true
			case j.To.Section != nil:
				add(j.To.Callee, j.To.Section.Addr+j.To.Offset, j.Addr)
			default:
				add(j.To.Callee, 0, j.Addr)
			}
		}
	}
	if len(seen) == 0 && !e.anywhere {
		return e
	}
	for _, c := range f.Calls {
		if c.Tail && c.Indirect {
			e.anywhere = true
		}
	}
	return e
}

// assembler reports whether a function is not known to be made by a compiler.
func assembler(f dwarf.Function, err error) bool {
	ext := path.Ext(f.Unit)
	return err != nil || ext == ".S" || ext == ".s"
}

// assembler reports whether a function was not made by a compiler, as far as is
// known.
func (w *tailWalk) assembler(fn function) bool {
	if fn.path == "" {
		return false
	}
	img, err := w.acquire(fn.module)
	if err != nil {
		return true
	}
	defer w.images.release(img)
	return img.path != fn.path || assembler(img.function(fn.entry))
}
