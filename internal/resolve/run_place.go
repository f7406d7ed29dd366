// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// possibleIn adds the places in a module that the i-th address may be.
func (b *bareRun) possibleIn(img *image, module string, i int) {
	addr := b.run[i].frame.Addr
	if (img.file.AddrSize() == 4) != (addr>>32 == 0) && !(addr>>32 == 0 && lowAddresses[img.file.Machine]) {
		return // of another machine
	}
	for _, region := range [...]kobj.Region{kobj.RegionInitText, kobj.RegionCoreText} {
		if region == kobj.RegionCoreText && b.named[module] {
			// It was loaded when the report was printed, so the kernel printed names
			// for all addresses in it except those of freed memory.
			continue
		}
		places, ok := img.file.AtResidue(region, addr%barePage, barePage)
		if !ok {
			continue
		}
		for _, pl := range places {
			if len(b.all[i]) > maxPossible {
				return
			}
			if p := b.possible(img, module, pl, i); p != nil {
				b.all[i] = append(b.all[i], p)
			}
		}
	}
}

// possible returns a place for the i-th address, nil if the address cannot mean it.
func (b *bareRun) possible(img *image, module string, pl kobj.InModule, i int) *possible {
	call := img.file.CallBefore(pl.Section, pl.Offset)
	if call.Kind == kobj.CallNone {
		return nil
	}
	a := answer{same: true, sized: true}
	if sym, ok := img.file.SymbolAt(pl.Section, pl.Offset-1); ok {
		a.entry = sym.Addr()
		if sym.Section == pl.Section {
			// Bytes inside of an instruction may look like a call.
			if is, known := img.file.Boundary(pl.Section, sym.Offset, pl.Offset); known && !is {
				return nil
			}
		}
	}
	if call.Kind == kobj.CallDirect {
		a.callee = call.Callee
		if call.Section != nil {
			a.target = call.Section.Addr + call.Offset
		}
	}
	r := &resolution{frame: b.run[i].frame, file: img.path, fileID: img.buildID, machine: machineOf(img.file), lost: module, answers: []answer{a}}
	p := &possible{r: r, place: pl, named: b.named[module],
		base: r.frame.Addr - pl.Section.RegionOffset - pl.Offset}
	if i == len(b.run)-1 && b.below != nil {
		p.down = b.fromBelow(img, module, p)
	}
	if p.down == LinkDenied {
		return nil
	}
	if i == 0 && b.above != nil {
		p.up = b.r.links.link(r, &r.answers[0], b.above).kind
	}
	if p.up == LinkDenied {
		return nil
	}
	return p
}

// fromBelow returns the link from the frame below the run to the function that p is in.
func (b *bareRun) fromBelow(img *image, module string, p *possible) Link {
	below := b.below
	if below.frame.Func == "do_one_initcall" && below.frame.Module == "" {
		// It calls only init functions; the module loader has that of a module by
		// this name.
		init, err := img.file.Lookup("init_module")
		if err != nil || len(init) != 1 {
			return LinkSilent
		}
		if init[0].Addr() == p.r.answers[0].entry {
			return LinkDirect
		}
		from := function{module, "init_module", img.path, init[0].Addr()}
		return b.r.links.leads(from, function{module, "", img.path, p.r.answers[0].entry}, "").kind
	}
	if len(below.answers) != 1 || below.err != nil {
		return LinkSilent
	}
	return b.r.links.link(below, &below.answers[0], p.r).kind
}

// maxPairs bounds how many pairs of places are compared.
const maxPairs = 1 << 16

// filter drops the places that do not fit any place of another address.
func (b *bareRun) filter() {
	for changed := true; changed; {
		changed = false
		for i := range b.all {
			for j := range b.all {
				if i == j || len(b.all[j]) == 0 || len(b.all[i])*len(b.all[j]) > maxPairs {
					continue
				}
				n := len(b.all[i])
				b.all[i] = slices.DeleteFunc(b.all[i], func(p *possible) bool {
					return !slices.ContainsFunc(b.all[j], func(q *possible) bool { return b.together(i, p, j, q) })
				})
				changed = changed || len(b.all[i]) != n
			}
		}
	}
}

// settle keeps the places of an address whose code lay where another backtrace shows, if
// there are such, and those that a neighbour speaks for: freed memory is used again.
func (b *bareRun) settle() {
	for i, all := range b.all {
		if slices.ContainsFunc(all, func(p *possible) bool { return b.r.lays.has(p.lay()) }) {
			b.all[i] = slices.DeleteFunc(all, func(p *possible) bool {
				return p.up <= LinkSilent && p.down <= LinkSilent && !b.r.lays.has(p.lay())
			})
		}
	}
}

func (p *possible) lay() lay { return lay{p.r.file, p.region(), p.base} }

// together reports whether the i-th address may be p if the j-th one is q.
func (b *bareRun) together(i int, p *possible, j int, q *possible) bool {
	if p.r.file == q.r.file && p.region() == q.region() && p.base != q.base {
		return false
	}
	switch {
	case j == i+1:
		return b.r.links.link(q.r, &q.r.answers[0], p.r).kind != LinkDenied
	case i == j+1:
		return b.r.links.link(p.r, &p.r.answers[0], q.r).kind != LinkDenied
	}
	return true
}

// relate notes which places a place of the next address calls.
func (b *bareRun) relate() {
	for i := range len(b.all) - 1 {
		if len(b.all[i])*len(b.all[i+1]) > maxPairs {
			continue
		}
		for _, p := range b.all[i] {
			for _, q := range b.all[i+1] {
				kind := b.r.links.link(q.r, &q.r.answers[0], p.r).kind
				p.down, q.up = max(p.down, kind), max(q.up, kind)
			}
		}
	}
}

// segment returns the end of the addresses from i on that identify each other: each
// may be in only one place, and is called by the next one.
func (b *bareRun) segment(i int) int {
	end := i + 1
	for len(b.all[end-1]) == 1 && end < len(b.all) && len(b.all[end]) == 1 && b.pair(end-1) > LinkSilent {
		end++
	}
	return end
}

// pair returns how the address below the i-th one calls it; both are known.
func (b *bareRun) pair(i int) Link {
	q := b.all[i+1][0]
	return b.r.links.link(q.r, &q.r.answers[0], b.all[i][0].r).kind
}

// supports returns the amount of evidence for the addresses in [i, end): the number
// of calls that lead from one to the next, including both ends.
func (b *bareRun) supports(i, end int) int {
	if len(b.all[i]) != 1 {
		return 0
	}
	for i > 0 && b.segment(i-1) == end {
		i--
	}
	n := end - i - 1
	if i == 0 && b.all[i][0].up > LinkSilent {
		n++
	}
	if end == len(b.all) && b.all[end-1][0].down > LinkSilent {
		n++
	}
	return n
}

// local reports whether the i-th address, or one that is known together with it,
// calls a function of its own module.
func (b *bareRun) local(i int) bool {
	for i > 0 && b.segment(i-1) > i {
		i--
	}
	end := b.segment(i)
	p := b.all[i][0]
	return end-i > 1 || p.up > LinkSilent && p.r.answers[0].target != 0
}

// conclude makes the resolution of the i-th address.
func (b *bareRun) conclude(i, supports int) *resolution {
	all := b.all[i]
	if !slices.ContainsFunc(all, func(p *possible) bool {
		return p.named || p.up > LinkSilent || p.down > LinkSilent || b.r.lays.has(p.lay())
	}) && supports == 0 {
		return b.run[i] // some place has the distance by chance
	}
	// The best fit is first, and init functions are before others: their memory is
	// the usual reason.
	slices.SortStableFunc(all, func(p, q *possible) int {
		return cmp.Or(
			-cmp.Compare(max(p.up, 0)+max(p.down, 0), max(q.up, 0)+max(q.down, 0)),
			compareBool(q.named, p.named),
			-cmp.Compare(p.region(), q.region()))
	})
	x := *all[0].r
	x.answers = nil
	for _, p := range all[:min(len(all), maxShown)] {
		if a, ok := b.answer(p); ok {
			x.answers = append(x.answers, a)
		}
	}
	if len(x.answers) == 0 {
		return b.run[i]
	}
	x.places = distinct(x.answers)
	x.text = &Text{Candidates: len(all)}
	if len(all) > 1 {
		x.evidence = fmt.Sprintf("%d places in the modules at hand have this distance from a page's start, and a call ends there", len(all))
		return &x
	}
	x.text.Named, x.text.Init = all[0].named, all[0].region() == kobj.RegionInitText
	x.lay, x.text.Known = all[0].lay(), b.r.lays.has(all[0].lay())
	x.text.Supports, x.text.Sole, x.text.Local = supports, b.sole, b.local(i)
	x.evidence = b.evidence(i)
	x.trouble = x.answers[0].nopos
	return &x
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// answer looks up the source position of a place.
func (b *bareRun) answer(p *possible) (answer, bool) {
	b.r.images.mayLoad(p.r.lost)
	img, err := b.r.images.acquire(p.r.lost, "")
	if err != nil {
		return answer{}, false
	}
	defer b.r.images.release(img)
	if img.path != p.r.file {
		return answer{}, false
	}
	c := candidate{section: p.place.Section, offset: p.place.Offset, entry: p.r.answers[0].entry}
	function := p.r.frame.Func
	if sec, off := img.file.SectionAt(c.entry); sec != nil {
		if sym, ok := img.file.SymbolAt(sec, off); ok {
			function = sym.Name
		}
	}
	img.findCall(&c, false)
	a := img.answer(&b.r.source, function, c)
	a.same, a.sized = true, true
	return a, true
}

// evidence returns the evidence for the only place that the i-th address may be.
func (b *bareRun) evidence(i int) string {
	p := b.all[i][0]
	s := fmt.Sprintf("the distance from a page's start, %#x, fits %s+%#x of %s, where a call ends",
		p.r.frame.Addr%barePage, p.place.Section.Name, p.place.Offset, p.r.lost)
	switch p.up {
	case LinkDirect:
		s += "; it is of the function of the frame above"
	case LinkTail:
		s += fmt.Sprintf("; it is of %s, which leads to the frame above by jumps", p.r.answers[0].callee)
	}
	if b.r.lays.has(p.lay()) {
		s += "; another backtrace shows that it lay there"
	}
	if p.down > LinkSilent {
		s += "; the frame below calls this function"
	}
	return s
}
