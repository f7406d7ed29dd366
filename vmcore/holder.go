// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/kmemleak/kmemleak"
)

// HolderKind is the kind of memory that a pointer is in.
type HolderKind int

const (
	HolderUntracked HolderKind = iota // memory that kmemleak does not track: free, or of an allocator that tells it nothing
	HolderVariable                    // a variable of the kernel or of a module
	HolderPerCPU                      // a per-CPU variable
	HolderStack                       // a thread's kernel stack
	HolderObject                      // another object that kmemleak tracks
)

// Holder is what holds a pointer. What is not known is empty.
type Holder struct {
	Kind    HolderKind
	Scanned bool // kmemleak looks for pointers here, so not in objects that are leaked themselves

	Variable string // with the field: "held_state.inner.object"; of HolderVariable and HolderPerCPU
	Type     string // of the field: "void *"
	Module   string // that the variable belongs to; "" for the kernel image
	Section  string // of the variable: ".bss"
	CPU      int    // whose copy it is; of per-CPU variables and objects

	Task  *Task          // of HolderStack
	Frame kmemleak.Frame // of HolderStack: the call in whose frame the pointer seems to be; the first return address below it
	Stale bool           // of HolderStack: below the stack pointer, so left over from calls that have returned

	Object *Object // of HolderObject
	Offset uint64  // in Object
	Field  string  // "struct node.link.next", if the type of Object can be guessed from what allocated it
}

// String returns the holder in a few words.
func (h Holder) String() string {
	switch h.Kind {
	case HolderVariable, HolderPerCPU:
		s := h.Variable
		if s == "" {
			s = "data"
		}
		if h.Module != "" {
			s += " in [" + h.Module + "]"
		} else {
			s += " in the kernel"
		}
		if h.Section != "" {
			s += " " + h.Section
		}
		if h.Kind == HolderPerCPU {
			s += fmt.Sprintf(", CPU %d", h.CPU)
		}
		return s
	case HolderStack:
		s := fmt.Sprintf("stack of %q (pid %d)", h.Task.Comm, h.Task.PID)
		switch {
		case h.Stale:
			s += ", left over from calls that have returned"
		case h.Frame.Func != "":
			s += ", near the frame of " + h.Frame.Func
		}
		return s
	case HolderObject:
		owner := kmemleak.Leak{Backtrace: h.Object.Backtrace}.Owner().Func()
		if owner == "" {
			owner = "unknown code"
		}
		s := fmt.Sprintf("object %#x of %d bytes, offset %d, allocated by %s", h.Object.Addr, h.Object.Size, h.Offset, owner)
		if h.Object.Reported {
			s = "leaked " + s
		}
		if h.Field != "" {
			s += ", perhaps " + h.Field
		}
		return s
	}
	return "memory that kmemleak does not track"
}

// atlas knows what each address is for.
type atlas struct {
	k       *Kernel
	objects []Object // all that are tracked
	byAddr  []int    // numbers of objects with addresses, by address
	perCPU  []int    // numbers of per-CPU objects, by address
	metas   []uint64 // addresses of the kernel's own records of objects, ascending
	meta    uint64   // their size
	tasks   []int    // numbers of stacks, by address
	threads []Task

	modules    []*module
	cpuOffsets []uint64
	static     Range  // static per-CPU variables, as per-CPU pointers
	staticFile uint64 // where they are in the file
	types      guesser
	stacks     bool   // kmemleak scans stacks
	direct     uint64 // added to physical addresses where memory is mapped one to one
}

const maxCPUs = 1 << 14

// newAtlas reads what it needs of the kernel. The error says what is missing; the atlas
// can be used all the same.
func (k *Kernel) newAtlas(ctx context.Context) (*atlas, error) {
	a := &atlas{k: k, types: guesser{k: k}}
	var bad problems
	l, err := k.objectLayout()
	if err != nil {
		return nil, err
	}
	a.meta = l.struct_.Size
	a.objects, err = k.allObjects(ctx)
	bad.add(err)
	for i := range a.objects {
		o := &a.objects[i]
		a.metas = append(a.metas, o.Meta)
		switch {
		case o.PerCPU:
			a.perCPU = append(a.perCPU, i)
		case !o.Phys && o.Flags&flagAllocated != 0:
			a.byAddr = append(a.byAddr, i)
		}
	}
	slices.Sort(a.metas)
	byAddr := func(i, j int) int { return cmp.Compare(a.objects[i].Addr, a.objects[j].Addr) }
	slices.SortFunc(a.byAddr, byAddr)
	slices.SortFunc(a.perCPU, byAddr)
	if !k.mem.Info().Live {
		bad.add(a.dropOverlaps())
	}
	a.findLinear()
	a.threads, err = k.tasks(ctx)
	bad.add(err)
	for i, t := range a.threads {
		if t.Stack.Size > 0 {
			a.tasks = append(a.tasks, i)
		}
	}
	slices.SortFunc(a.tasks, func(i, j int) int { return cmp.Compare(a.threads[i].Stack.Addr, a.threads[j].Stack.Addr) })
	a.modules, err = k.loaded(ctx)
	bad.add(err)
	bad.add(a.readCPUs())
	on, err := k.value("kmemleak_stack_scan", kmemleakSource)
	a.stacks = err != nil || on != 0
	return a, bad.err()
}

// dropOverlaps leaves out objects that reach into the next one: kmemleak tracks no such
// objects, but a list that was read while the kernel ran may have them.
func (a *atlas) dropOverlaps() error {
	var bad problems
	kept := a.byAddr[:0]
	for n, i := range a.byAddr {
		o := &a.objects[i]
		if n+1 < len(a.byAddr) {
			if next := &a.objects[a.byAddr[n+1]]; o.Size > next.Addr-o.Addr {
				bad.add(fmt.Errorf("object %#x (record at %#x): %w: its %d bytes reach into the object %#x; it is left out", o.Addr, o.Meta, ErrDamaged, o.Size, next.Addr))
				continue
			}
		}
		kept = append(kept, i)
	}
	a.byAddr = kept
	return bad.err()
}

// readCPUs finds the per-CPU areas.
func (a *atlas) readCPUs() error {
	k := a.k
	start, ok1 := k.symbol("__per_cpu_start")
	end, ok2 := k.symbol("__per_cpu_end")
	offsets, ok3 := k.symbol("__per_cpu_offset")
	if !ok1 || !ok2 || !ok3 || end < start || end-start > 1<<30 {
		return nil // a kernel for one processor
	}
	a.static = Range{start, end - start}
	a.staticFile, _, _ = k.file.Value("__per_cpu_start")
	n := uint64(1)
	addr, counted := k.symbol("nr_cpu_ids")
	if counted {
		var b [4]byte
		if err := k.mem.ReadAt(b[:], addr); err != nil {
			return fmt.Errorf("number of processors: %w", err)
		}
		n = number(b[:])
	} else {
		// With CONFIG_FORCE_NR_CPUS it is a constant: the length of this array.
		_, t, err := k.variable("__per_cpu_offset", "")
		if err != nil {
			return fmt.Errorf("number of processors: %w", err)
		}
		n = t.Count
	}
	if n == 0 || n > maxCPUs {
		return fmt.Errorf("%w: %d processors", ErrDamaged, n)
	}
	b := make([]byte, n*uint64(k.word))
	if err := k.mem.ReadAt(b, offsets); err != nil {
		return fmt.Errorf("per-CPU areas: %w", err)
	}
	a.cpuOffsets = words(b, k.word)
	if !counted {
		a.cpuOffsets = possible(a.cpuOffsets)
	}
	return nil
}

// possible returns the offsets of the processors that there can be: those behind them still
// have the one that all begin with.
func possible(offsets []uint64) []uint64 {
	n := len(offsets)
	for n > 1 && (offsets[n-1] == 0 || slices.Contains(offsets[:n-1], offsets[n-1])) {
		n--
	}
	if n > 0 && n < len(offsets) && offsets[n-1] == offsets[n] {
		n--
	}
	return offsets[:n]
}

// findLinear finds out where the kernel maps physical memory one to one: most objects are
// there, at one distance from where they are.
func (a *atlas) findLinear() {
	const most = 4096
	votes := make(map[uint64]int)
	step := max(1, len(a.byAddr)/most)
	for i := 0; i < len(a.byAddr); i += step {
		addr := a.objects[a.byAddr[i]].Addr
		phys, err := a.k.mem.Translate(addr)
		if err != nil {
			continue
		}
		d := addr - phys
		if votes[d]++; votes[d] > votes[a.direct] {
			a.direct = d
		}
	}
}

// linear returns where the kernel maps physical memory one to one.
func (a *atlas) linear(phys uint64) uint64 { return phys + a.direct }

// find returns the object that an address is in.
func (a *atlas) find(order []int, addr uint64) *Object {
	i := sort.Search(len(order), func(i int) bool { return a.objects[order[i]].Addr > addr }) - 1
	// Objects do not overlap, but those of early boot may have no size.
	for ; i >= 0; i-- {
		o := &a.objects[order[i]]
		if addr-o.Addr < o.Size {
			return o
		}
		if o.Size > 0 {
			return nil
		}
	}
	return nil
}

// ownRecord reports whether an address is in one of kmemleak's own records of objects,
// all of which hold the address of an object.
func (a *atlas) ownRecord(addr uint64) bool {
	i := sort.Search(len(a.metas), func(i int) bool { return a.metas[i] > addr }) - 1
	return i >= 0 && addr-a.metas[i] < a.meta
}

// task returns the thread whose stack an address is in.
func (a *atlas) task(addr uint64) *Task {
	i := sort.Search(len(a.tasks), func(i int) bool { return a.threads[a.tasks[i]].Stack.Addr > addr }) - 1
	if i < 0 {
		return nil
	}
	t := &a.threads[a.tasks[i]]
	if addr-t.Stack.Addr >= t.Stack.Size {
		return nil
	}
	return t
}

// scannedIn reports whether kmemleak looks for pointers at an address in an object. In one
// that is leaked itself it does not.
func scannedIn(o *Object, addr uint64) bool {
	return !o.Reported && slices.ContainsFunc(o.scanned(), func(s Range) bool { return addr-s.Addr < s.Size })
}

// holder tells what the memory at an address is.
func (a *atlas) holder(ctx context.Context, addr uint64) (Holder, error) {
	if t := a.task(addr); t != nil {
		h := Holder{Kind: HolderStack, Task: t, Scanned: a.stacks, Stale: addr < t.SP}
		err := a.callAt(ctx, &h, addr)
		return h, err
	}
	if h, ok, err := a.perCPUHolder(ctx, addr); ok {
		return h, err
	}
	o := a.find(a.byAddr, addr)
	scanned := o != nil && scannedIn(o, addr)
	if a.k.inImage(addr) {
		h := Holder{Kind: HolderVariable, Scanned: scanned}
		err := a.kernelVariable(&h, addr-a.k.slide)
		return h, err
	}
	for _, m := range a.modules {
		if _, ok := m.holds(addr); ok {
			h := Holder{Kind: HolderVariable, Module: m.name, Scanned: scanned}
			var err error
			h.Variable, h.Type, h.Section, err = m.variable(ctx, a.k, addr)
			return h, err
		}
	}
	if o != nil {
		h := Holder{Kind: HolderObject, Object: o, Offset: addr - o.Addr, Scanned: scanned}
		h.Field = a.types.field(ctx, o, h.Offset)
		return h, nil
	}
	return Holder{}, nil
}

// perCPUHolder tells what is at an address of a per-CPU area: a variable of the kernel or
// of a module, or an object.
func (a *atlas) perCPUHolder(ctx context.Context, addr uint64) (h Holder, ok bool, err error) {
	for cpu, off := range a.cpuOffsets {
		p := addr - off
		if p-a.static.Addr < a.static.Size {
			h := Holder{Kind: HolderPerCPU, CPU: cpu, Scanned: true}
			err := a.kernelVariable(&h, p-(a.static.Addr-a.staticFile))
			return h, true, err
		}
		// Until 6.12 each CPU's copy is an object of its own.
		o := a.find(a.perCPU, p)
		if o == nil {
			o = a.find(a.byAddr, addr)
		}
		scanned := o != nil && (scannedIn(o, addr) || scannedIn(o, p))
		for _, m := range a.modules {
			if p-m.perCPU.Addr < m.perCPU.Size {
				h := Holder{Kind: HolderPerCPU, Module: m.name, CPU: cpu, Scanned: scanned}
				h.Variable, h.Type, h.Section, err = m.variable(ctx, a.k, p)
				return h, true, err
			}
		}
		if o != nil && o.PerCPU {
			h := Holder{Kind: HolderObject, Object: o, Offset: p - o.Addr, CPU: cpu, Scanned: scanned}
			h.Field = a.types.field(ctx, o, h.Offset)
			return h, true, nil
		}
	}
	return Holder{}, false, nil
}

// kernelVariable names an address of the file, by its debugging information or else by
// the kernel's table of symbols.
func (a *atlas) kernelVariable(h *Holder, addr uint64) error {
	k := a.k
	if s, _ := k.file.SectionAt(addr); s != nil {
		h.Section = s.Name
	}
	if g, found := k.types.VariableAt(addr); found {
		path, at, rest := g.Type.Path(addr - g.Addr)
		h.Variable, h.Type = withRest(g.Name+path, rest), typeName(at)
		return nil
	}
	symbols, err := k.kernelSymbols()
	if err != nil {
		return err
	}
	name, offset, _, err := symbols.lookup(k.relocated(addr))
	if name != "" {
		h.Variable = withRest(name, offset)
	}
	return err
}
