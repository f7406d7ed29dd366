// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"cmp"
	"fmt"
	"sort"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/allocinfo"
)

// maxLines is how many lines of the owner are listed for a group.
const maxLines = 8

// A group is the leaks of one place, as they are shown.
type group struct {
	kmemleak.Group
	calls []kmemleak.Call // of the first leak
	sites []site          // where the leaks were asked for, by file and line
	from  string          // the function that tells it from other groups of this owner; "" if none does
}

// groups looks up the calls of groups, and what tells them apart.
func (o *Options) groups(all []kmemleak.Group) []group {
	// What one backtrace shows of where a module lay, or of a file that does not fit,
	// counts in the others: all are asked about before any answer is used.
	ask := newMemo(func(l kmemleak.Leak) struct{} { o.Symbolizer.Calls(l); return struct{}{} })
	if o.Symbolizer != nil {
		for _, g := range all {
			for _, l := range g.Leaks {
				ask.get(*l)
			}
		}
	}
	of := newMemo(func(l kmemleak.Leak) site { return siteOf(o.Symbolizer.Calls(l)) })
	shown := make([]group, len(all))
	for i, g := range all {
		shown[i] = group{Group: g, calls: o.Symbolizer.Calls(g.Example), sites: sitesOf(g, of)}
	}
	tellApart(shown)
	return shown
}

// text returns the owner of a group, with each line that asked for its leaks.
func (g *group) text() string {
	s := ownerText(g.calls)
	if len(g.sites) > 1 {
		s = sitesText(g.sites)
	}
	if g.from != "" {
		s += ", from " + text(g.from)
	}
	return s
}

// A site is where an owner asked for memory.
type site struct {
	name  string // function, with its module
	outer string // what it was inlined into, "" if it was not
	file  string
	line  int
	frame string // the rest of the printed frame where no line is known
	at    allocinfo.Site

	count int
	bytes uint64
}

// siteOf returns the site of one leak. It is the same for all whose owner is not known, or
// is a bare address, which differs between boots.
func siteOf(calls []kmemleak.Call) site {
	o := kmemleak.OwnerOf(calls)
	switch {
	case o.Call == nil || o.Func() == "":
		return site{}
	case o.Pos == nil || o.Pos.File == "":
		s := callText(o.Call)
		if name, rest, ok := strings.Cut(s, "+"); ok && o.Call.Frame.Offset > 0 {
			return site{name: name, frame: "+" + rest}
		}
		return site{name: s}
	}
	s := site{name: funcText(o.Pos.Func, o.Call.Module), file: path(o.Pos.File), line: o.Pos.Line}
	s.at = allocinfo.Site{File: cmp.Or(o.Pos.RawFile, o.Pos.File), Line: o.Pos.Line, Module: o.Call.Module, Func: o.Pos.Func}
	if last := &o.Call.Pos[len(o.Call.Pos)-1]; o.Pos != last {
		s.outer = text(cmp.Or(last.Func, "?"))
	}
	return s
}

// sitesOf returns the sites of a group, sorted.
func sitesOf(g kmemleak.Group, of *memo[site]) []site {
	index := make(map[site]int)
	var sites []site
	for _, l := range g.Leaks {
		s := of.get(*l)
		i, ok := index[s]
		if !ok {
			i = len(sites)
			index[s] = i
			sites = append(sites, s)
		}
		sites[i].count += l.Objects()
		sites[i].bytes = sum(sites[i].bytes, l.Bytes())
	}
	sort.Slice(sites, func(i, j int) bool { // slices.SortFunc would be 20 kB for this type
		a, b := &sites[i], &sites[j]
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.outer, b.outer), cmp.Compare(a.file, b.file),
			cmp.Compare(a.line, b.line), cmp.Compare(len(a.frame), len(b.frame)), cmp.Compare(a.frame, b.frame)) < 0
	})
	return sites
}

// sitesText lists sites with their numbers of leaks, and repeats of a site only what
// differs from the one before: "myfunc [hello] at hello.c:29 ×1, :30 ×1".
func sitesText(sites []site) string {
	var b strings.Builder
	last := site{}
	inlined := func() {
		if last.outer != "" {
			b.WriteString(", inlined into " + last.outer)
		}
	}
	for i, s := range sites {
		if i == maxLines {
			inlined()
			rest := 0
			for _, s := range sites[i:] {
				rest += s.count
			}
			fmt.Fprintf(&b, ", and %s more ×%d", plural(len(sites)-i, "line"), rest)
			return b.String()
		}
		known := i > 0 && s.name == last.name && s.outer == last.outer
		if !known {
			inlined()
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if !known {
			b.WriteString(cmp.Or(s.name, "owner not known"))
		}
		switch {
		case s.frame != "" && known:
			offset, _, _ := strings.Cut(s.frame, " ")
			b.WriteString(offset)
		case s.frame != "":
			b.WriteString(s.frame)
		case s.file == "" && known:
			b.WriteString("at a line that is not known")
		case s.file == "":
		case known && s.file == last.file:
			fmt.Fprintf(&b, ":%d", s.line)
		case known:
			fmt.Fprintf(&b, "at %s:%d", s.file, s.line)
		default:
			fmt.Fprintf(&b, " at %s:%d", s.file, s.line)
		}
		fmt.Fprintf(&b, " ×%d", s.count)
		last = s
	}
	inlined()
	return b.String()
}

// tellApart finds for groups of the same owner the nearest function below it that only
// one of them has come through.
func tellApart(groups []group) {
	owners := make(map[owner]int)
	for i := range groups {
		owners[ownerOf(groups[i].calls)]++
	}
	chains := make(map[string]int)
	chain := func(g *group, each func(chain, name string) (more bool)) {
		own := kmemleak.OwnerOf(g.calls)
		if own.Call == nil || owners[ownerOf(g.calls)] < 2 {
			return
		}
		o := ownerOf(g.calls)
		key, below := o.module+"\n"+o.name, false
		for i := range g.calls {
			if below {
				name := baseName(&g.calls[i])
				if key += "\n" + name; !each(key, name) {
					return
				}
			}
			below = below || own.Call == &g.calls[i]
		}
	}
	for i := range groups {
		chain(&groups[i], func(key, _ string) bool { chains[key]++; return true })
	}
	for i := range groups {
		g := &groups[i]
		chain(g, func(key, name string) bool {
			if chains[key] == 1 {
				g.from = name
			}
			return g.from == "" && chains[key] > 1
		})
	}
}

// baseName returns the function of a call as in the source, "" if it is not known.
func baseName(c *kmemleak.Call) string {
	if places := trusted(c); c.Frame.Func == "" && len(places) > 0 {
		return kmemleak.Frame{Func: places[len(places)-1].Func}.BaseName()
	}
	return c.Frame.BaseName()
}
