// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak"
)

// backtrace writes the calls that led to the allocation, the innermost first.
func (p *printer) backtrace(calls []kmemleak.Call) {
	switch {
	case len(calls) == 0:
		p.line(plain, "    no backtrace")
		return
	case p.Detail != Brief:
		p.line(plain, "    backtrace:")
	}
	rows := p.rows(calls)
	shown := bound(len(rows), p.MaxFrames)
	p.table("    ", rows[:shown])
	for _, r := range rows[:shown] {
		for _, m := range r.marks {
			p.marks[m] = true
		}
	}
	if rest := len(rows) - shown; rest > 0 {
		p.line(plain, "      and %s more", plural(rest, "line"))
	}
}

// rows returns the lines of a backtrace.
func (p *printer) rows(calls []kmemleak.Call) []row {
	owner := kmemleak.OwnerOf(calls)
	above := owner.Call != nil // allocators
	var rows []row
	add := func(s style, cells []string, marks ...string) { rows = append(rows, row{s, cells, marks}) }
	for i := range calls {
		c := &calls[i]
		places := trusted(c)
		own := c == owner.Call
		above = above && !own
		mark := func(pos int) (style, string) {
			switch {
			case own && (owner.Pos == nil || pos >= 0 && &places[pos] == owner.Pos):
				return yellow, "→ "
			case above:
				return faint, "  "
			}
			return plain, "  "
		}
		last := max(len(places)-1, 0)
		for j, pos := range places[:last] {
			s, arrow := mark(j)
			add(s, []string{arrow + text(cmp.Or(pos.Func, "?")), at(pos), "inlined"}, "inlined")
		}
		if len(places) == 0 {
			last = -1
		}
		s, arrow := mark(last)
		cells := []string{arrow + callText(c)}
		if last >= 0 && places[last].File != "" {
			cells = append(cells, at(places[last]))
		}
		notes := p.notes(c)
		if len(notes) > 0 {
			cells = append(cells, strings.Join(notes, ", "))
		}
		add(s, cells, notes...)
		switch c.Confidence {
		case kmemleak.Ambiguous:
			for _, alternative := range alternatives(c) {
				add(plain, []string{"      perhaps " + alternative})
			}
		case kmemleak.Contradicted:
			p.misfits[c.ObjectFile] = true
		}
		if c.Reason != "" && p.Detail == Verbose {
			add(faint, []string{"      " + clean(clip(c.Reason, maxError))})
		}
		if c.Err != nil && c.Confidence != kmemleak.Ambiguous && (p.Detail == Verbose || own && p.Detail == Normal) {
			err := c.Err
			if p.Detail == Verbose {
				err = atLength(err)
			}
			// The frame stands above.
			if why := strings.TrimPrefix(errorText(err), text(c.Frame.String())+": "); !p.told[why] {
				p.told[why] = true // without vmlinux, most frames of a kernel have the same error
				add(faint, []string{"      " + why})
			}
		}
	}
	return rows
}

// trusted returns the places of a call that may be shown as facts.
func trusted(c *kmemleak.Call) []kmemleak.Pos {
	if c.Confidence < kmemleak.Assumed {
		return nil
	}
	return c.Pos
}

// notes returns how a call became known, and how sure it is if it is not as sure as
// it should be.
func (p *printer) notes(c *kmemleak.Call) (notes []string) {
	if c.Kind != kmemleak.KindPrinted && (c.Kind == kmemleak.KindElided || len(trusted(c)) > 0) {
		notes = append(notes, c.Kind.String())
	}
	unsure := c.Confidence < kmemleak.Consistent && c.Confidence > kmemleak.Unresolved && !fromText(c)
	if unsure || p.Detail == Verbose {
		notes = append(notes, c.Confidence.String())
	}
	return notes
}

// callText returns the function of a call, as printed if the kernel printed it.
func callText(c *kmemleak.Call) string {
	f := kmemleak.Frame{Addr: c.Frame.Addr, Func: text(c.Frame.Name()), Offset: c.Frame.Offset, Size: c.Frame.Size, Module: text(c.Frame.Module)}
	if places := trusted(c); f.Func == "" && len(places) > 0 {
		return funcText(places[len(places)-1].Func, c.Module)
	}
	if f.Offset == 0 && f.Size == 0 && f.Func != "" {
		return funcText(f.Func, f.Module)
	}
	return f.String()
}

func funcText(name, module string) string {
	s := text(cmp.Or(name, "?"))
	if module != "" {
		s += " [" + text(module) + "]"
	}
	return s
}

// at returns the file and line of a place; "" if there is no file.
func at(p kmemleak.Pos) string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return path(p.File)
	}
	return fmt.Sprintf("%s:%d", path(p.File), p.Line)
}

// ownerText returns the owner of a leak and its place, and who may as well be it.
func ownerText(calls []kmemleak.Call) string {
	s := whereText(kmemleak.OwnerOf(calls))
	for _, c := range kmemleak.CandidatesOf(calls) {
		if c.Tie {
			s += ", or " + text(c.Name())
		}
	}
	return s
}

// whereText returns where an owner is.
func whereText(o kmemleak.Owner) string {
	switch {
	case o.Call == nil:
		return "owner not known"
	case o.Pos == nil || o.Pos.File == "":
		return callText(o.Call)
	}
	places := o.Call.Pos
	for o.Pos != &places[0] {
		places = places[1:]
	}
	return placeText(places, o.Call.Module)
}

// placeText describes a place and what it was inlined into.
func placeText(places []kmemleak.Pos, module string) string {
	s := funcText(places[0].Func, module)
	if file := at(places[0]); file != "" {
		s += " at " + file
	}
	if len(places) > 1 {
		s += ", inlined into " + text(cmp.Or(places[len(places)-1].Func, "?"))
	}
	return s
}

// maxAlternatives is how many places of an ambiguous frame are listed.
const maxAlternatives = 8

// alternatives describes the places that an ambiguous call may be.
func alternatives(c *kmemleak.Call) []string {
	var list []string
	for i, places := range append([][]kmemleak.Pos{c.Pos}, c.Others...) {
		if i == maxAlternatives {
			return append(list, fmt.Sprintf("one of %d more", len(c.Others)+1-i))
		}
		if len(places) > 0 {
			list = append(list, placeText(places, ""))
		}
	}
	return list
}

// legend explains the marks that were used.
func (p *printer) legend() {
	var rows []row
	for _, m := range marks {
		if p.marks[m.mark] {
			rows = append(rows, row{faint, []string{m.mark, m.meaning}, nil})
		}
	}
	for _, object := range slices.Sorted(maps.Keys(p.misfits)) {
		rows = append(rows, row{plain, []string{path(object) + " may be of another build: then its other places are wrong, too"}, nil})
	}
	if len(rows) == 0 {
		return
	}
	if p.Detail != Brief {
		p.line(plain, "")
	}
	p.table("  ", rows)
}

// marks are the notes behind the lines of a backtrace, and what they mean.
var marks = []struct{ mark, meaning string }{
	{"source", "lines are those of the file as it is now, which may not be what was compiled"},
	{"inlined", "has no call of its own: it was compiled into the function below"},
	{"recovered", "the kernel had lost the name and printed a bare address"},
	{"elided", "the kernel printed nothing: the function had jumped to the one above"},
	{"unresolved", "no place is known"},
	{"contradicted", "the file at hand does not fit the frame, so no place is given"},
	{"ambiguous", "several places fit, or too little speaks for the one"},
	{"assumed", "nothing speaks against the place, but not all could be checked"},
	{"consistent", "everything that can be checked fits"},
	{"proved", "and it could not be another place"},
}
