// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// resolution is what a frame by itself may mean. It does not change once it is
// made, and refers to no file.
type resolution struct {
	frame   Frame
	object  string     // path of the file
	lost    string     // the module that a bare address is in
	exact   bool       // the address is that of an instruction, nothing returns to it
	most    Confidence // that may be given, 0 for any: of places found without knowing where the module lay
	reason  string     // what the answer of a bare address rests on
	sameID  bool       // the build IDs of frame and file are known and equal
	answers []answer   // the places that fit best; several if they cannot be told apart
	err     error      // why answers are missing or not to be trusted
}

// answer is one place that a frame may mean.
type answer struct {
	pos    []Pos
	sized  bool   // the printed size fits by some rule
	same   bool   // the name is the printed one, to the last number
	entry  uint64 // address of the function's symbol, in the file
	callee string // name of the function that the call is of, "" if not known
	target uint64 // and its address in the file, 0 if it is in another
	ret    uint64 // the address that the call returns to, in the file; 0 if none does
	nopos  error  // why pos has no line, or lacks functions
	part   bool   // pos may lack functions
}

// candidate is a place in the file while it is looked at.
type candidate struct {
	section *kobj.Section
	offset  uint64 // of the return address, in section
	entry   uint64 // of the symbol, as an address
	match   kobj.SizeMatch
	call    kobj.Call
	exact   bool // the address is of the instruction itself
	whole   bool // the function is meant, not a place in it
	beyond  bool // it is not in the function at all
	inside  bool // no instruction begins there, unless the kernel has put others there
	pc      uint64
	denied  error // why it cannot be meant
}

// maxCandidates is how many places of the same name are looked at. The most in a
// module of Linux 6.1 are some dozens.
const maxCandidates = 256

// examine fills in the answers to q.
func (s *Symbolizer) examine(q question, r *resolution) {
	f := q.frame
	switch {
	case f.Func == "":
		s.examineAddress(q, r)
		return
	case f.Inlined || f.File != "" && f.Offset == 0 && f.Size == 0:
		// What a decoder put in between stands for no address.
		r.answers = []answer{{pos: []Pos{{Func: demangled(f.Func), File: f.File, RawFile: f.File, Line: f.Line, Inlined: f.Inlined}}}}
		return
	}
	want := f.BuildID
	if m := s.module(f.Module); m != nil && want == "" {
		want = m.BuildID
	}
	s.mayLoad(f.Module)
	o, err := s.acquire(f.Module, want)
	if err != nil {
		r.err = err
		return
	}
	defer s.releaseObject(o)
	r.object = o.path
	symbols, same, err := o.named(f.Func)
	if err != nil {
		r.err = fmt.Errorf("%s: %w", f, err)
		return
	}
	if len(symbols) == 0 {
		r.err = fmt.Errorf("%s: no such function in %s", f, o.path)
		return
	}
	all := make([]candidate, 0, 1)
	for _, sym := range symbols[:min(len(symbols), maxCandidates)] {
		if slices.ContainsFunc(all, func(c candidate) bool { return c.entry == sym.Addr() }) {
			continue // another name of the same place
		}
		all = append(all, o.candidate(q, sym))
	}
	for _, c := range narrow(all) {
		a := s.answer(o, f, c)
		a.same = same
		a.sized = f.Size != 0 && c.match != kobj.SizeDiffers
		r.answers = append(r.answers, a)
		r.err = c.denied
	}
	r.settle(f, o, want)
}

// settle draws the conclusions that do not depend on a single place.
func (r *resolution) settle(f Frame, o *object, want string) {
	same, err := o.sameBuild(want)
	r.sameID = same
	if err != nil {
		r.err = err
	}
	if r.err == nil && len(distinct(r.answers)) == 1 {
		r.err = r.answers[0].nopos
	}
	if r.err != nil {
		r.err = fmt.Errorf("%s: %w", f, r.err)
	}
}

// sameBuild reports whether the file has the build ID that is wanted, "" if none is
// known, and is not known to be of another build, which is an error.
func (o *object) sameBuild(want string) (bool, error) {
	switch {
	case want == "" && o.stale != nil:
		return false, fmt.Errorf("%w: %w", errContradicted, o.stale)
	case want == "" || o.buildID == "":
		return false, nil
	case !sameID(want, o.buildID):
		return false, fmt.Errorf("%w: build ID %s, but %s has %s", errContradicted, want, o.path, o.buildID)
	}
	return true, nil
}

// sameID reports whether a build ID that was printed is that of a file. The kernel
// fills one of less than 20 bytes up with zeros (print_modules and
// sprint_backtrace_build_id in kernel/kallsyms.c print 20), and some people cut it.
func sameID(printed, id string) bool {
	const digits = 40
	printed, id = strings.ToLower(printed), strings.ToLower(id)
	if len(printed) == digits && len(id) < digits {
		id += strings.Repeat("0", digits-len(id))
	}
	return strings.HasPrefix(id, printed)
}

// errContradicted marks reasons why a place cannot be what a frame means.
var errContradicted = errors.New("contradicted")

// named gives the symbols for a printed name, and whether they have this very
// name.
func (o *object) named(name string) (symbols []kobj.Symbol, same bool, err error) {
	symbols, err = o.file.Lookup(name)
	if err != nil || len(symbols) > 0 {
		return symbols, true, err
	}
	if o.file.Machine == elf.EM_PPC64 {
		// Code has a dot in front of the function's name, and either may be printed.
		other, dotted := strings.CutPrefix(name, ".")
		if !dotted {
			other = "." + name
		}
		if symbols, err = o.file.Lookup(other); err != nil || len(symbols) > 0 {
			return symbols, true, err
		}
	}
	if symbols, err = o.file.LookupCut(name); err == nil && len(symbols) == 0 {
		symbols, err = o.file.LookupStem(name)
	}
	return symbols, false, err
}

// candidate looks at one symbol that has the frame's name.
func (o *object) candidate(q question, sym kobj.Symbol) candidate {
	f := q.frame
	c := candidate{section: sym.Section, offset: sym.Offset + f.Offset, entry: sym.Addr(), exact: q.exact}
	sizes := o.file.Sizes(sym)
	c.match = sizes.Match(f.Size)
	if f.Offset == 0 && f.Size == 0 {
		// The name alone.
		c.exact, c.whole, c.pc = true, true, c.entry
		return c
	}
	switch {
	case f.Size != 0 && f.Offset > f.Size:
		c.denied = fmt.Errorf("%w: the offset is beyond the size", errContradicted)
	case f.Offset > sizes.Max():
		c.denied = fmt.Errorf("%w: in %s the function has %#x bytes only", errContradicted, o.path, sizes.Max())
		c.beyond = true
		return c
	case f.Offset > 0 && strings.HasPrefix(f.Func, "__pfx_"):
		c.denied = fmt.Errorf("%w: it is the padding in front of %s", errContradicted, f.Func[len("__pfx_"):])
		c.beyond = true
		return c
	}
	o.findCall(&c, f.Offset == 0)
	return c
}

// findCall looks for the call that returns to a candidate's address, and decides
// which address to look up: one byte before the return address, which is in the
// call, or the address itself if it cannot be a return address.
func (o *object) findCall(c *candidate, first bool) {
	sec, off := c.section, c.offset
	c.pc = sec.Addr + off
	if c.exact {
		if c.entry >= sec.Addr {
			is, known := o.file.Boundary(sec, c.entry-sec.Addr, off)
			c.inside = known && !is
		}
		return
	}
	before, at, ok := o.file.Before(sec, off)
	if first && ok {
		// The first instruction of a function follows a call only if the function
		// before it ends in one, of something that does not return.
		sec, off = before, at+1
	}
	c.call = o.file.CallBefore(sec, off)
	if c.call.Kind == kobj.CallUnknown {
		if site, err := o.debug.CallSite(sec.Addr + off); err == nil && !site.Tail {
			c.call.Kind = kobj.CallIndirect
			if c.call.Callee = cmp.Or(site.LinkageName, site.Name); c.call.Callee != "" {
				c.call.Kind = kobj.CallDirect
			}
		}
	}
	if entry, at := c.entry-sec.Addr, off; c.call.Kind != kobj.CallNone && c.entry >= sec.Addr && entry <= at {
		// Bytes inside of an instruction may look like a call.
		if is, known := o.file.Boundary(sec, entry, at); known && !is {
			c.call = kobj.Call{Kind: kobj.CallNone}
		}
	}
	switch {
	case !ok || first && c.call.Kind <= kobj.CallNone || c.call.Self:
		c.exact = true
	case c.call.Kind == kobj.CallNone:
		c.exact = true
		if c.denied == nil {
			c.denied = fmt.Errorf("%w: in %s no call ends there", errContradicted, o.path)
		}
	default:
		c.pc = before.Addr + at
	}
}

// narrow gives the candidates that fit best, all if none fits.
func narrow(all []candidate) []candidate {
	best := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool { return c.denied != nil })
	if len(best) == 0 {
		return all[:1]
	}
	if sized := func(c candidate) bool { return c.match != kobj.SizeDiffers }; !slices.ContainsFunc(best, sized) && slices.ContainsFunc(all, sized) {
		// The printed size is that of a place that cannot be meant.
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

// distinct drops answers that say the same as an earlier one.
func distinct(all []answer) []answer {
	if len(all) < 2 {
		return all
	}
	var out []answer
	for _, a := range all {
		if !slices.ContainsFunc(out, func(b answer) bool { return slices.Equal(a.pos, b.pos) }) {
			out = append(out, a)
		}
	}
	return out
}

// answer looks up the source position of a candidate.
func (s *Symbolizer) answer(o *object, f Frame, c candidate) answer {
	a := answer{entry: c.entry}
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
		a.pos = []Pos{{Func: demangled(f.Func)}}
		return a
	}
	loc, err := o.debug.Lookup(c.pc)
	if o.lacks != nil {
		err = o.lacks
	}
	if err != nil {
		a.pos = []Pos{{Func: demangled(f.Func)}}
		a.nopos = fmt.Errorf("%s: %w", o.path, err)
		return a
	}
	a.pos = make([]Pos, len(loc.Frames))
	for i, l := range loc.Frames {
		a.pos[i] = s.pos(l)
	}
	if part := loc.Err; part != nil || loc.NoFunction {
		// The line may be in a function that was inlined and whose name is missing.
		a.part, a.nopos = true, fmt.Errorf("%s: not all functions there may be known: %w", o.path, cmp.Or(part, errNoFunction))
	}
	last := &a.pos[len(a.pos)-1]
	if last.Func == "" {
		last.Func = demangled(f.Func)
	}
	if c.whole {
		// Only the function is known, not where in it.
		last.Line, last.Column = 0, 0
		a.pos = slices.Clone(a.pos[len(a.pos)-1:])
	}
	return a
}

var errNoFunction = errors.New("the debugging information has none")

// pos turns what the debugging information has into what users get.
func (s *Symbolizer) pos(l dwarf.Frame) Pos {
	p := Pos{Func: demangled(l.LinkageName), Line: l.Line, Column: l.Column, Inlined: l.Inlined}
	if p.Func == "" || p.Func == l.LinkageName {
		p.Func = l.Name
	}
	p.RawFile, p.File = s.sources.paths(s, l.File)
	return p
}

// ambiguity is the error of a frame with several answers.
func (r *resolution) ambiguity(f Frame) error {
	var b strings.Builder
	all := distinct(r.answers)
	fmt.Fprintf(&b, "%s: ambiguous: %d places fit", f, len(all))
	if len(all) == 1 {
		b.Reset()
		fmt.Fprintf(&b, "%s: one place fits, and too little speaks for it", f)
	}
	for i, a := range all {
		if i == 8 {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %s", a.pos[0])
	}
	return errors.New(b.String())
}

// calls reports whether the call before an answer is of the function that the
// frame above is in, and above's answers are the same file's.
func (a *answer) calls(r, above *resolution) bool {
	if a.callee == "" && a.target == 0 || above.frame.Func == "" && len(above.answers) == 0 {
		return false
	}
	if r.object != "" && r.object == above.object && a.target != 0 {
		return slices.ContainsFunc(above.answers, func(b answer) bool { return b.entry == a.target })
	}
	callee, function := strings.TrimPrefix(a.callee, "."), strings.TrimPrefix(above.frame.Func, ".")
	// Call sites name the function of the source, which may be a clone's.
	return callee != "" && (callee == function || callee == kobj.Stem(function))
}

// call makes the Call of a frame by itself.
func (r *resolution) call(f Frame) Call {
	c := Call{Frame: f, Module: r.module(), Object: r.object, Err: r.err}
	if len(r.answers) == 0 {
		return c
	}
	if f.Func == "" {
		c.Kind = Recovered
		c.Reason = r.reason
	}
	all := distinct(r.answers)
	a := &all[0]
	c.Pos = slices.Clone(a.pos)
	switch {
	case errors.Is(r.err, errContradicted):
		c.Confidence = Contradicted
	case len(all) > 1 || r.most == Ambiguous:
		c.Confidence = Ambiguous
		c.Err = r.ambiguity(f)
		for _, other := range all[1:] {
			c.Others = append(c.Others, slices.Clone(other.pos))
		}
	case r.most != 0:
		c.Confidence = r.most
	case !a.same || !a.sized:
		c.Confidence = Assumed
	case r.sameID:
		c.Confidence = Proved
		c.Reason = reasonBuildID
	default:
		c.Confidence = Consistent
	}
	if a.part {
		c.Confidence, c.Reason = min(c.Confidence, Assumed), ""
	}
	return c
}

// interrupts reports whether a frame is in the code that an interrupt or exception
// enters the kernel by. What is below it in a backtrace did not call it.
func interrupts(f Frame) bool {
	function := f.Func
	if function == "common_interrupt" {
		// In x86_64 before 5.8 the entry, which ends in the call; since then a function
		// in C (arch/x86/kernel/irq.c).
		return f.Offset == f.Size && f.Size != 0
	}
	for _, prefix := range [...]string{"asm_sysvec_", "asm_exc_", "el1h_64_", "el1t_64_"} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return interruptEntries[function]
}

// interruptEntries are such functions that have names of their own.
var interruptEntries = map[string]bool{
	// x86
	"asm_common_interrupt": true, "asm_spurious_interrupt": true, "ret_from_intr": true,
	"apic_timer_interrupt": true, "reschedule_interrupt": true, "call_function_interrupt": true,
	"call_function_single_interrupt": true, "irq_work_interrupt": true,
	"page_fault": true, "async_page_fault": true, "general_protection": true, "retint_kernel": true,
	"xen_hvm_callback_vector": true, "hyperv_callback_vector": true,
	// arm64 and arm
	"el1_irq": true, "el1_sync": true, "el1_da": true, "el1_error": true,
	"__irq_svc": true, "__fiq_svc": true, "__dabt_svc": true, "__pabt_svc": true, "__und_svc": true,
	// riscv, i386
	"handle_exception": true, "ret_from_exception": true,
	// powerpc and mips
	"hardware_interrupt_common": true, "hardware_interrupt_common_virt": true, "decrementer_common": true,
	"decrementer_common_virt": true, "interrupt_return": true, "handle_int": true,
	// s390
	"ext_int_handler": true, "io_int_handler": true, "pgm_check_handler": true,
}
