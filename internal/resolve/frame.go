// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// resolution is what a frame may mean by itself. It does not change after it is made,
// and refers to no file.
type resolution struct {
	frame    Frame
	file     string // path
	fileID   string // its build ID, in hex
	machine  machine
	lost     string // the module that a bare address is in
	exact    bool   // the address is that of an instruction, nothing returns to it
	text     *Text  // set if it was found without the addresses of the module
	lay      lay    // and where its code would have lain
	evidence string // for the answer of a bare address
	build    Build
	foreign  Foreign
	answers  []answer // the places that fit best; several if they cannot be told apart
	places   [][]Pos  // of answers, distinct ones
	trouble           // why answers are missing or must not be trusted
}

// answer is one place that a frame may mean.
type answer struct {
	pos    []Pos
	sized  bool    // the printed size fits by some rule
	same   bool    // the name is the printed one, to the last number
	entry  uint64  // address of the function's symbol, in the file; 0 if it is not known
	callee string  // name of the function that the call is of, "" if not known
	target uint64  // its address in the file, 0 if it is in another file
	ret    uint64  // the address that the call returns to, in the file; 0 if none does
	nopos  trouble // why pos has no line, or lacks functions
	part   bool    // pos may lack functions

	// foreign: the place is in another function than that of the printed name; entry is that
	// of its debugging information.
	foreign bool
}

// trouble is an error and its class.
type trouble struct {
	problem Problem
	err     error
}

// of puts the subject of the trouble in front of the error, if there is one.
func (t trouble) of(what string) trouble {
	if t.err != nil {
		t.err = fmt.Errorf("%s: %w", what, t.err)
	}
	return t
}

// dated adds to the trouble with a file which kernel it was made for: that of the report
// may be another one.
func (img *image) dated(t trouble) trouble {
	if img.foreign != nil && t.err != nil {
		t.err = fmt.Errorf("%w; %w", t.err, img.foreign)
	} else if release, _ := img.file.Vermagic(); release != "" && t.err != nil {
		t.err = fmt.Errorf("%w; it is of %s (vermagic), give the build of the report's kernel with -dir", t.err, release)
	}
	return t
}

// noImage is the trouble with a file that could not be opened.
func noImage(err error) trouble {
	switch {
	case errors.Is(err, fs.ErrClosed):
		return trouble{ProblemClosed, err}
	case errors.Is(err, fs.ErrNotExist):
		return trouble{ProblemNoFile, err}
	}
	return trouble{ProblemOther, err}
}

// contradicted is the trouble with a place that cannot be what a frame means.
func contradicted(p Problem, format string, args ...any) trouble {
	return trouble{p, fmt.Errorf("contradicted: "+format, args...)}
}

// examine fills in the answers to q.
func (r *Resolver) examine(q question, x *resolution) {
	f := q.frame
	switch {
	case f.Func == "":
		r.examineAddress(q, x)
		return
	case !x.place():
		// Frames that a decoder inserted have no address.
		x.answers = []answer{{pos: []Pos{{Func: Demangled(f.Func), File: f.File, RawFile: f.File, Line: f.Line, Inlined: f.Inlined}}}}
		return
	}
	want := r.memory.wanted(f.Module, f.BuildID)
	r.images.mayLoad(f.Module)
	img, err := r.images.acquire(f.Module, want)
	if err != nil {
		x.trouble = noImage(err)
		return
	}
	defer r.images.release(img)
	x.file, x.fileID, x.machine = img.path, img.buildID, machineOf(img.file)
	symbols, same, err := img.named(f.Func)
	switch {
	case err != nil:
		x.trouble = trouble{ProblemOther, err}.of(r.Describe(f))
		return
	case len(symbols) == 0:
		x.trouble = img.dated(trouble{ProblemNoFunction, fmt.Errorf("no such function in %s", img.path)}).of(r.Describe(f))
		return
	}
	all := make([]candidate, 0, 1)
	for _, sym := range symbols[:min(len(symbols), maxCandidates)] {
		if slices.ContainsFunc(all, func(c candidate) bool { return c.entry == sym.Addr() }) {
			continue // another name of the same place
		}
		all = append(all, img.candidate(q, sym))
	}
	for _, c := range narrow(all) {
		a := img.answer(&r.source, f.Func, c)
		a.same = same
		a.sized = f.Size != 0 && c.match < kobj.SizeStripped
		x.answers = append(x.answers, a)
		x.trouble = c.denied
	}
	x.settle(img, want, q.bits)
	if x.problem == ProblemBeyond || x.problem == ProblemNotAfterCall {
		x.trouble = img.dated(x.trouble)
	}
	if x.err != nil {
		x.trouble = x.of(r.Describe(f))
	}
}

// settle draws the conclusions that do not depend on a single place.
func (x *resolution) settle(img *image, want string, bits int) {
	x.sameBuild(img, want, bits)
	if x.err == nil && len(distinct(x.answers)) == 1 {
		x.trouble = x.answers[0].nopos
	}
}

// sameBuild notes whether the file has the build ID that is wanted, "" if none is
// known, and is not known to be of another build, or made for something else.
func (x *resolution) sameBuild(img *image, want string, bits int) {
	own := 8 * img.file.AddrSize()
	switch {
	case want != "" && img.buildID != "" && sameID(want, img.buildID):
		x.build = BuildSame
	case bits == 64 && own == 32, bits == 32 && own == 64 && !lowAddresses[img.file.Machine]:
		x.foreign, x.trouble = ForeignMachine, contradicted(ProblemOtherBuild,
			"%s is of a machine with %d-bit addresses (%s), the report is of one with %d: give the file of that build with -dir",
			img.path, own, strings.TrimPrefix(img.file.Machine.String(), "EM_"), bits)
	case want == "" && img.stale != nil:
		x.build, x.trouble = BuildOther, contradicted(ProblemOtherBuild, "%w", img.stale)
	case want != "" && img.buildID != "":
		x.build, x.trouble = BuildOther, contradicted(ProblemOtherBuild, "build ID %s, but %s has %s", want, img.path, img.buildID)
	case img.foreign != nil:
		x.foreign, x.trouble = ForeignKernel, contradicted(ProblemOtherBuild, "%w", img.foreign)
		if img.versions {
			x.foreign = ForeignPerhaps
		}
	}
}

// lowAddresses are the machines of 64 bits whose kernel, or its modules, are at addresses
// that fit into 32.
var lowAddresses = map[elf.Machine]bool{elf.EM_S390: true, elf.EM_SPARCV9: true, elf.EM_PARISC: true}

// sameID reports whether a printed build ID is that of a file. The kernel fills one
// of less than 20 bytes with zeros (print_modules and sprint_backtrace_build_id in
// kernel/kallsyms.c print 20), and people may cut it.
func sameID(printed, id string) bool {
	const digits = 40
	printed, id = strings.ToLower(printed), strings.ToLower(id)
	if len(printed) == digits && len(id) < digits {
		id += strings.Repeat("0", digits-len(id))
	}
	return strings.HasPrefix(id, printed)
}

// place reports whether the frame stands for a place in code. Frames that a decoder
// inserted do not.
func (x *resolution) place() bool {
	f := x.frame
	return f.Func == "" || !f.Inlined && (f.File == "" || f.Offset != 0 || f.Size != 0)
}

// module returns the module that a frame is in.
func (x *resolution) module() string { return cmp.Or(x.frame.Module, x.lost) }

// title returns the function of a frame for messages.
func (x *resolution) title() string {
	switch {
	case x.frame.Func != "":
		return x.frame.Func
	case len(x.answers) == 1 && len(x.answers[0].pos) > 0:
		return x.answers[0].pos[len(x.answers[0].pos)-1].Func
	}
	return fmt.Sprintf("%#x", x.frame.Addr)
}

// distinct returns the places of answers, each once.
func distinct(all []answer) [][]Pos {
	var out [][]Pos
	for _, a := range all {
		if !slices.ContainsFunc(out, func(pos []Pos) bool { return slices.Equal(a.pos, pos) }) {
			out = append(out, a.pos)
		}
	}
	return out
}

// call makes the Call of a frame by itself.
func (x *resolution) call() Call {
	c := Call{Frame: x.frame, Places: x.places, Module: x.module(), File: x.file, BuildID: x.fileID, Problem: x.problem, Err: x.err, machine: x.machine}
	if len(x.answers) == 0 {
		return c
	}
	a := &x.answers[0]
	c.Facts = Facts{
		Fits: len(x.places), SameName: a.same, SizeFits: a.sized, Build: x.build, Foreign: x.foreign, Beyond: x.problem == ProblemBeyond, Part: a.part, Text: x.text,
	}
	if x.frame.Func == "" {
		c.Kind, c.Evidence, c.lay = Recovered, x.evidence, x.lay
	}
	switch {
	case a.ret != 0:
		c.Ends = EndsCall
	case x.problem == ProblemNotAfterCall:
		c.Ends = EndsDenied
	}
	return c
}

// interrupts reports whether a frame is in the code through which an interrupt or
// exception enters the kernel. The frame below it in a backtrace did not call it.
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

// interruptEntries are the other functions of that code, by name.
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
	"handle_adel": true, "handle_ades": true, "handle_tlbl": true, "handle_tlbs": true, "handle_tlbm": true,
	"rollback_handle_int": true,
	// loongarch
	"handle_vint": true, "handle_ade": true, "handle_ale": true, "handle_bce": true, "handle_tlb_load": true,
	"handle_tlb_store": true, "handle_tlb_modify": true, "handle_tlb_protect": true,
	"tlb_do_page_fault_0": true, "tlb_do_page_fault_1": true,
	// s390
	"ext_int_handler": true, "io_int_handler": true, "pgm_check_handler": true,
}
