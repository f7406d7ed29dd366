// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// candidate is a place in the file that may be what a frame means.
type candidate struct {
	section *kobj.Section
	offset  uint64 // of the return address, in section
	entry   uint64 // of the symbol, as an address; or the start of the code that it is in
	match   kobj.SizeMatch
	call    kobj.Call
	exact   bool   // the address is of the instruction itself
	whole   bool   // the function is meant, not a place in it
	beyond  bool   // it is not in the function at all
	foreign bool   // it is in another function, whose symbol the kernel did not have
	of      uint64 // if foreign: entry of that function, 0 if it is not known
	inside  bool   // no instruction begins there, unless the kernel has put others there
	pc      uint64
	denied  trouble // why the frame cannot mean it
}

// maxCandidates is how many places of the same name are looked at. Modules of Linux 6.1
// have some dozens at most.
const maxCandidates = 256

// named returns the symbols for a printed name, and whether they have this very
// name.
func (img *image) named(name string) (symbols []kobj.Symbol, same bool, err error) {
	symbols, err = img.file.Lookup(name)
	if err != nil || len(symbols) > 0 {
		return symbols, true, err
	}
	if img.file.Machine == elf.EM_PPC64 {
		// Code has a dot in front of the function's name, and either may be printed.
		other, dotted := strings.CutPrefix(name, ".")
		if !dotted {
			other = "." + name
		}
		if symbols, err = img.file.Lookup(other); err != nil || len(symbols) > 0 {
			return symbols, true, err
		}
	}
	if symbols, err = img.file.LookupCut(name); err == nil && len(symbols) == 0 {
		symbols, err = img.file.LookupStem(name)
	}
	return symbols, false, err
}

// candidate looks at one symbol that has the frame's name.
func (img *image) candidate(q question, sym kobj.Symbol) candidate {
	f := q.frame
	c := candidate{section: sym.Section, offset: sym.Offset + f.Offset, entry: sym.Addr(), exact: q.exact}
	sizes := img.file.Sizes(sym)
	most := sizes.Max()
	c.match = sizes.Match(f.Size)
	if f.Offset == 0 && f.Size == 0 {
		// The name alone.
		c.exact, c.whole, c.pc = true, true, c.entry
		return c
	}
	if c.match == kobj.SizeDiffers || f.Offset > most {
		// What was loaded may have been stripped.
		if z, ok := img.file.Stripped(sym); ok {
			if m := z.Match(f.Size); m == kobj.SizeKernel || m == kobj.SizeRegion && z.Next == 0 {
				c.match, most = kobj.SizeStripped, z.Max()
			}
		}
	}
	sec, off, code := img.file.Ahead(sym.Section, sym.Offset+f.Offset)
	if code {
		c.section, c.offset = sec, off
	}
	switch {
	case f.Size != 0 && f.Offset > f.Size:
		c.denied = contradicted(ProblemBeyond, "the offset is beyond the size")
	case f.Offset > most:
		c.denied = contradicted(ProblemBeyond, "in %s the function has %#x bytes only", img.path, most)
		c.beyond = true
		return c
	case !code:
		c.denied = contradicted(ProblemBeyond, "in %s there is no code", img.path)
		c.beyond = true
		return c
	case f.Offset > 0 && strings.HasPrefix(f.Func, "__pfx_"):
		c.denied = contradicted(ProblemBeyond, "it is the padding in front of %s", f.Func[len("__pfx_"):])
		c.beyond = true
		return c
	}
	if sym.Size > 0 && f.Offset > sym.Size || c.section != sym.Section {
		img.stretch(&c)
	}
	img.findCall(&c, f.Offset == 0)
	return c
}

// stretch finds the function that a candidate is in, behind the end of the one whose name
// the kernel printed: it names the last symbol that it has, and some are not in kallsyms,
// or were stripped.
func (img *image) stretch(c *candidate) {
	sec, off, ok := c.section, c.offset, true
	if !c.exact {
		sec, off, ok = img.file.Before(c.section, c.offset)
	}
	if ok {
		loc, err := img.debug.Lookup(sec.Addr + off)
		switch {
		case err != nil || loc.Low == 0:
		case loc.Low > c.entry:
			c.foreign, c.entry, c.of = true, loc.Low, cmp.Or(loc.Entry, loc.Low)
			return
		default:
			return
		}
	}
	c.foreign = true // of a function that is not known
}

// findCall looks for the call that returns to a candidate's address, and decides
// which address to look up: one byte before the return address, which is in the
// call, or the address itself if it cannot be a return address.
func (img *image) findCall(c *candidate, first bool) {
	sec, off := c.section, c.offset
	c.pc = sec.Addr + off
	if c.exact {
		if c.entry >= sec.Addr {
			is, known := img.file.Boundary(sec, c.entry-sec.Addr, off)
			c.inside = known && !is
		}
		return
	}
	before, at, ok := img.file.Before(sec, off)
	if first && ok {
		// The first instruction of a function follows a call only if the function
		// before it ends in one, of something that does not return.
		sec, off = before, at+1
	}
	c.call = img.file.CallBefore(sec, off)
	if c.call.Kind == kobj.CallUnknown {
		if site, err := img.debug.CallSite(sec.Addr + off); err == nil && !site.Tail {
			c.call.Kind = kobj.CallIndirect
			if c.call.Callee = cmp.Or(site.LinkageName, site.Name); c.call.Callee != "" {
				c.call.Kind = kobj.CallDirect
			}
		}
	}
	if entry, at := c.entry-sec.Addr, off; c.call.Kind != kobj.CallNone && c.entry >= sec.Addr && entry <= at {
		// Bytes inside of an instruction may look like a call.
		if is, known := img.file.Boundary(sec, entry, at); known && !is {
			c.call = kobj.Call{Kind: kobj.CallNone}
		}
	}
	switch {
	case !ok || first && c.call.Kind <= kobj.CallNone || c.call.Self:
		c.exact = true
	case c.call.Kind == kobj.CallNone:
		c.exact = true
		if c.denied.err == nil {
			c.denied = contradicted(ProblemNotAfterCall, "in %s no call ends there", img.path)
		}
	default:
		c.pc = before.Addr + at
		if m := img.file.Machine; (m == elf.EM_MIPS || m == elf.EM_MIPS_RS3_LE) && at >= 7 && c.pc-7 >= c.entry {
			c.pc -= 7 // in front of the delay slot, which may be of another line
		}
	}
}

// narrow returns the candidates that fit best, all if none fits.
func narrow(all []candidate) []candidate {
	best := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return c.denied.err != nil })
	if len(best) == 0 {
		return all[:1]
	}
	if sized := func(c candidate) bool { return c.match != kobj.SizeDiffers }; !slices.ContainsFunc(best, sized) && slices.ContainsFunc(all, sized) {
		// The printed size is that of a place that the frame cannot mean.
		return slices.DeleteFunc(all, func(c candidate) bool { return !sized(c) })[:1]
	}
	rank := best[0].match
	for _, c := range best {
		rank = min(rank, c.match)
	}
	best = slices.DeleteFunc(best, func(c candidate) bool { return c.match != rank })
	if slices.ContainsFunc(best, func(c candidate) bool { return !c.inside }) {
		best = slices.DeleteFunc(best, func(c candidate) bool { return c.inside })
	}
	seen := slices.ContainsFunc(best, func(c candidate) bool { return c.call.Kind > kobj.CallNone })
	if seen {
		best = slices.DeleteFunc(best, func(c candidate) bool { return c.call.Kind <= kobj.CallNone })
	}
	return best
}

// answer looks up the source position of a candidate in a function. The name of the
// function is used if the debugging information has none.
func (img *image) answer(src *sources, function string, c candidate) answer {
	a := answer{entry: c.entry, foreign: c.foreign}
	if c.foreign {
		a.entry = c.of
	}
	if c.call.Kind > kobj.CallNone && c.section != nil {
		a.ret = c.section.Addr + c.offset
	}
	if c.call.Kind == kobj.CallDirect {
		a.callee = c.call.Callee
		if c.call.Section != nil {
			a.target = c.call.Section.Addr + c.call.Offset
		}
	}
	if c.beyond {
		a.pos = []Pos{{Func: Demangled(function)}}
		return a
	}
	loc, err := img.debug.Lookup(c.pc)
	if img.lacks != nil {
		err = img.lacks
	}
	if err != nil {
		a.pos = []Pos{{Func: Demangled(function)}}
		a.nopos = trouble{ProblemNoDebug, err}.of(img.path)
		return a
	}
	a.pos = make([]Pos, len(loc.Frames))
	for i, l := range loc.Frames {
		a.pos[i] = src.pos(l)
	}
	if part := loc.Err; part != nil || loc.NoFunction {
		// The line may be in a function that was inlined and whose name is missing.
		a.part, a.nopos = true, trouble{ProblemPart, fmt.Errorf("%s: not all functions there may be known: %w", img.path, cmp.Or(part, errNoFunction))}
	}
	last := &a.pos[len(a.pos)-1]
	if last.Func == "" {
		last.Func = Demangled(function)
	}
	if c.whole {
		// Only the function is known, not where in it.
		last.Line, last.Column = 0, 0
		a.pos = slices.Clone(a.pos[len(a.pos)-1:])
	}
	return a
}

var errNoFunction = errors.New("the debugging information has none")
