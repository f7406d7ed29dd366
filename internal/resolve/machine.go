// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// machine is what the files of one kernel have in common.
type machine struct {
	arch  elf.Machine
	class elf.Class
	data  elf.Data
}

func machineOf(f *kobj.File) machine {
	m := machine{f.Machine, f.Class, elf.ELFDATA2LSB}
	if f.Order.Uint16([]byte{0, 1}) == 1 {
		m.data = elf.ELFDATA2MSB
	}
	switch m.arch { // numbers for one machine
	case elf.EM_MIPS_RS3_LE:
		m.arch = elf.EM_MIPS
	case elf.EM_SPARC32PLUS:
		m.arch = elf.EM_SPARC
	}
	return m
}

// String returns the name of the machine in package elf, with what else tells it apart.
func (m machine) String() string {
	order := map[elf.Data]string{elf.ELFDATA2LSB: "little", elf.ELFDATA2MSB: "big"}[m.data]
	return fmt.Sprintf("%s, %d bits, %s-endian", strings.TrimPrefix(m.arch.String(), "EM_"), map[elf.Class]int{elf.ELFCLASS32: 32, elf.ELFCLASS64: 64}[m.class], order)
}

// witness is what the frames of one machine's files say for it: the more the better.
type witness struct {
	machine machine
	file    string
	same    bool // a build ID is right
	proved  bool // a call is of the function of the frame above
	whole   bool // no frame is denied
}

func (w *witness) compare(v *witness) int {
	number := func(b bool) int { return map[bool]int{true: 1}[b] }
	return cmp.Or(number(w.same)-number(v.same), number(w.proved)-number(v.proved), number(w.whole)-number(v.whole))
}

// noteMachines holds the files of a backtrace against each other. If they are of several
// machines, only those of one can be of the kernel: that for which most is said. If as
// much is said for another one, neither can be believed.
func (r *Resolver) noteMachines(calls []Call) {
	var all []witness
	for i := range calls {
		c := &calls[i]
		if c.Kind == Elided || c.machine == (machine{}) {
			continue
		}
		k := slices.IndexFunc(all, func(w witness) bool { return w.machine == c.machine })
		if k < 0 {
			k = len(all)
			all = append(all, witness{machine: c.machine, file: c.File, whole: true})
		}
		w := &all[k]
		w.same = w.same || c.Build == BuildSame
		w.proved = w.proved || c.Link >= LinkTail
		w.whole = w.whole && c.Fits > 0 && !c.Problem.denies()
	}
	if len(all) < 2 {
		return
	}
	sort.SliceStable(all, func(i, j int) bool { return all[j].compare(&all[i]) < 0 })
	best := &all[0]
	wrong := make(map[string]*Call) // by file
	for i := range calls {
		c := &calls[i]
		switch k := slices.IndexFunc(all, func(w witness) bool { return w.machine == c.machine }); {
		case c.Kind == Elided || k < 0 || c.Problem.denies():
			continue
		case all[k].compare(best) < 0:
			c.Foreign = ForeignMachine
			c.Err = fmt.Errorf("%s: contradicted: %s is of another machine (%s) than %s (%s), which fits better: give the file of that build with -dir",
				r.Describe(c.Frame), c.File, c.machine, best.file, best.machine)
		case all[1].compare(best) == 0:
			other := &all[(k+1)%2]
			c.Foreign = ForeignPerhaps
			c.Err = fmt.Errorf("%s: %s is of another machine (%s) than %s (%s), and one of them is of another kernel: give its file of the right build with -dir",
				r.Describe(c.Frame), c.File, c.machine, other.file, other.machine)
		default:
			continue
		}
		c.Problem = ProblemOtherBuild
		wrong[c.File] = c
	}
	for i := range calls {
		// What was left by a jump is as sure as the frame that shows it.
		if c := &calls[i]; c.Kind == Elided && wrong[c.by] != nil {
			c.Foreign, c.Problem, c.Err = wrong[c.by].Foreign, ProblemOtherBuild, wrong[c.by].Err
		}
	}
}
