// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/resolve"
)

// codeEdge is a call or jump that the relocations of a module show.
type codeEdge struct {
	from, to kobj.Symbol // to has no section if it is of another file
	after    uint64      // behind the instruction, in from's section
	tail     bool
}

// codeEdges reads the calls and jumps of a module out of its relocations, by means
// of the standard library.
func codeEdges(t *testing.T, path string, f *kobj.File) []codeEdge {
	t.Helper()
	e, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	symbols, err := e.Symbols()
	if err != nil {
		return nil
	}
	own := f.Sections()
	at := func(section int, off uint64) (kobj.Symbol, bool) {
		if section <= 0 || section >= len(own) || !own[section].Executable() {
			return kobj.Symbol{}, false
		}
		return f.SymbolAt(&own[section], off)
	}
	var edges []codeEdge
	for _, r := range e.Sections {
		if r.Type != elf.SHT_RELA || int(r.Info) >= len(own) || !own[r.Info].Executable() {
			continue
		}
		relocations, err := r.Data()
		if err != nil {
			t.Fatal(err)
		}
		code, err := e.Sections[r.Info].Data()
		if err != nil {
			t.Fatal(err)
		}
		for b := relocations; len(b) >= 24; b = b[24:] {
			off, info := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
			addend := int64(binary.LittleEndian.Uint64(b[16:]))
			typ := elf.R_X86_64(info & 0xffffffff)
			if typ != elf.R_X86_64_PLT32 && typ != elf.R_X86_64_PC32 || off == 0 || off+4 > uint64(len(code)) {
				continue
			}
			op := code[off-1]
			if op != 0xe8 && op != 0xe9 {
				continue
			}
			x := codeEdge{after: off + 4, tail: op == 0xe9}
			var ok bool
			if x.from, ok = at(int(r.Info), off-1); !ok || x.from.Section.Index != int(r.Info) {
				continue
			}
			sym := symbols[info>>32-1]
			if sym.Section == elf.SHN_UNDEF {
				x.to.Name = sym.Name
			} else if x.to, ok = at(int(sym.Section), sym.Value+uint64(addend)+4); !ok || x.to.Offset != sym.Value+uint64(addend)+4 {
				continue
			}
			if x.to.Name == "__fentry__" || strings.HasPrefix(x.to.Name, "__x86_") || strings.HasPrefix(x.to.Name, "__SCT__") {
				continue
			}
			edges = append(edges, x)
		}
	}
	return edges
}

// tally counts what became of hidden frames of one kind.
type tally struct{ recovered, ambiguous, unknown, wrong int }

// TestPrecision hides frames of call chains that are taken from real modules, and
// recovers them. The modules are those of a distribution in the folder that
// KMEMLEAK_MODULES names, every KMEMLEAK_EVERY-th of them; without, our own.
func TestPrecision(t *testing.T) {
	dir, every := os.Getenv("KMEMLEAK_MODULES"), 1
	if dir == "" {
		dir = helloModules + "/6.1-x86_64"
	} else if n, err := strconv.Atoi(os.Getenv("KMEMLEAK_EVERY")); err == nil && n > 0 {
		every = n
	} else {
		every = 40
	}
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".ko") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	table := make(map[string]*tally)
	rnd := rand.New(rand.NewPCG(1, 2))
	rnd.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	for i := 0; i < len(files); i += every {
		p := &precision{t: t, rnd: rnd, table: table, path: files[i]}
		for k := 1; k <= 20 && len(files) > 20; k++ {
			p.others = append(p.others, files[(i+k*7)%len(files)])
		}
		p.run()
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "hidden\trecovered\tambiguous\tunknown\twrong\t")
	for _, kind := range slices.Sorted(func(yield func(string) bool) {
		for k := range table {
			if !yield(k) {
				return
			}
		}
	}) {
		n := table[kind]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t\n", kind, n.recovered, n.ambiguous, n.unknown, n.wrong)
	}
	w.Flush()
	t.Logf("%d of %d modules in %s\n%s", (len(files)+every-1)/every, len(files), dir, b.String())
}

// precision hides frames of one module.
type precision struct {
	t      *testing.T
	rnd    *rand.Rand
	table  map[string]*tally
	path   string
	others []string
	f      *kobj.File
	module string
}

// named gives the frame of a return address, as the kernel prints it.
func (p *precision) named(sym kobj.Symbol, after uint64) Frame {
	z := p.f.Sizes(sym)
	size := z.Next
	if size == 0 {
		size = (sym.Section.RegionOffset+sym.Offset+z.Region+4095)&^4095 - sym.Section.RegionOffset - sym.Offset
	}
	return Frame{Func: sym.Name, Offset: after - sym.Offset, Size: size, Module: p.module}
}

// bare gives the frame when the memory is gone.
func (p *precision) bare(base uint64, sec *kobj.Section, after uint64) Frame {
	if sec.Region == kobj.RegionInitText {
		base += 1 << 24
	}
	return Frame{Addr: base + sec.RegionOffset + after}
}

// check counts a call that was hidden. The right place is known
// if a module was asked that has it.
func (p *precision) check(kind string, known bool, want codeEdge, got []Call, frame Frame) {
	n := p.table[kind]
	if n == nil {
		n = new(tally)
		p.table[kind] = n
	}
	i := slices.IndexFunc(got, func(c Call) bool { return c.Kind == KindRecovered && c.Frame.Addr == frame.Addr })
	if i < 0 {
		n.unknown++
		return
	}
	var right []Pos
	if known {
		right = p.position(want, 1)
	}
	switch c := got[i]; {
	case c.Confidence < Assumed:
		n.ambiguous++
	case slices.Equal(raw(c.Pos), right):
		n.recovered++
	default:
		n.wrong++
		p.t.Errorf("%s of %s: %v is %v: %s\nwant %v", kind, p.path, frame, c.Pos, c.Reason, right)
	}
}

// position returns the source position of the instruction that ends where an edge
// does, looked up a number of bytes before its end, without File.
func (p *precision) position(e codeEdge, back uint64) []Pos {
	d, err := dwarf.New(p.f, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	defer d.Close()
	loc, err := d.Lookup(e.from.Section.Addr + e.after - back)
	if err != nil {
		return []Pos{{Func: e.from.Name}}
	}
	var pos []Pos
	for _, l := range loc.Frames {
		raw := l.File.Name
		for _, dir := range []string{l.File.Dir, l.File.CompDir} {
			if raw != "" && dir != "" && !strings.HasPrefix(raw, "/") {
				raw = strings.TrimSuffix(dir, "/") + "/" + raw
			}
		}
		pos = append(pos, Pos{Func: cmp.Or(l.Name, e.from.Name), RawFile: raw, Line: l.Line, Column: l.Column, Inlined: l.Inlined})
	}
	return pos
}

// raw returns places without File.
func raw(pos []Pos) []Pos {
	pos = slices.Clone(pos)
	for i := range pos {
		pos[i].File, pos[i].Returns = "", ""
	}
	return pos
}

// maxChains is how many chains of each kind are taken from a module.
const maxChains = 12

func (p *precision) run() {
	f, err := kobj.Open(p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	p.f = f
	p.module = resolve.ModuleName(strings.TrimSuffix(filepath.Base(p.path), ".ko"))
	edges := codeEdges(p.t, p.path, f)
	p.rnd.Shuffle(len(edges), func(i, j int) { edges[i], edges[j] = edges[j], edges[i] })
	alone := &Symbolizer{Release: "0", Dirs: []string{p.path}}
	defer alone.Close()
	many := &Symbolizer{Release: "0", Dirs: append([]string{p.path}, p.others...)}
	defer many.Close()
	absent := &Symbolizer{Release: "0", Dirs: p.others}
	defer absent.Close()
	init := Frame{Func: "do_one_initcall", Offset: 0x4c, Size: 0x160}
	base := uint64(0xffffffffc0000000) + uint64(p.rnd.IntN(1<<12))<<12
	isInit := func(s kobj.Symbol) bool {
		symbols, err := f.Lookup("init_module")
		return err == nil && len(symbols) == 1 && symbols[0].Addr() == s.Addr()
	}
	calls := make(map[uint64][]codeEdge) // of functions in the module, by address: names repeat
	sites := make(map[uint64][]codeEdge) // in functions of the module
	for _, e := range edges {
		if !e.tail {
			sites[e.from.Addr()] = append(sites[e.from.Addr()], e)
			if e.to.Section != nil {
				calls[e.to.Addr()] = append(calls[e.to.Addr()], e)
			}
		}
	}
	counts := make(map[string]int)
	more := func(kind string) bool { counts[kind]++; return counts[kind] <= maxChains }
	for _, e := range edges {
		if !e.tail && isInit(e.from) && e.to.Section == nil && more("init") {
			bare := p.bare(base, e.from.Section, e.after)
			bt := []Frame{{Func: e.to.Name, Offset: 0x10, Size: 0x20}, bare, init}
			p.check("init function alone", true, e, alone.Backtrace(bt), bare)
			p.check("init function among 21 modules", true, e, many.Backtrace(bt), bare)
			p.check("init function, module absent", false, codeEdge{}, absent.Backtrace(bt), bare)
		}
		if !e.tail && e.to.Section == nil && len(calls[e.from.Addr()]) > 0 && more("pair") {
			// A chain of two functions of the module, which was unloaded.
			outer := calls[e.from.Addr()][0]
			b1, b2 := p.bare(base, e.from.Section, e.after), p.bare(base, outer.from.Section, outer.after)
			bt := []Frame{{Func: e.to.Name, Offset: 0x10, Size: 0x20}, b1, b2, {Func: "process_one_work", Offset: 0x1c7, Size: 0x380}}
			for _, x := range []struct {
				kind string
				s    *Symbolizer
			}{{"two functions", alone}, {"two functions among 21 modules", many}, {"two functions, module absent", absent}} {
				known := x.s != absent
				got := x.s.Backtrace(bt)
				p.check(x.kind, known, e, got, b1)
				p.check(x.kind, known, outer, got, b2)
			}
		}
		if e.tail && e.to.Section == nil {
			for _, outer := range calls[e.from.Addr()] {
				if !isInit(outer.from) || !more("jump") {
					continue
				}
				bare := p.bare(base, outer.from.Section, outer.after)
				bt := []Frame{{Func: e.to.Name, Offset: 0x10, Size: 0x20}, bare, init}
				p.check("init function above a jump", true, outer, alone.Backtrace(bt), bare)
				p.check("init function above a jump, among 21 modules", true, outer, many.Backtrace(bt), bare)
				p.check("init function above a jump, module absent", false, codeEdge{}, absent.Backtrace(bt), bare)
			}
		}
		if !e.tail && isInit(e.from) && e.to.Section != nil && e.to.Section.Region == kobj.RegionCoreText && len(sites[e.to.Addr()]) > 0 && more("named") {
			bare := p.bare(base, e.from.Section, e.after)
			bt := []Frame{p.named(e.to, sites[e.to.Addr()][0].after), bare, init}
			p.check("init function below a named one", true, e, alone.Backtrace(bt), bare)
		}
		if e.tail && e.to.Section != nil && kobj.Stem(e.from.Name) != kobj.Stem(e.to.Name) && len(calls[e.from.Addr()]) > 0 && len(sites[e.to.Addr()]) > 0 && more("elided") {
			p.elided(alone, e, calls[e.from.Addr()][0], sites[e.to.Addr()][0])
		}
		if !e.tail && e.to.Section != nil && len(sites[e.to.Addr()]) > 0 && more("printed") {
			p.printed(alone, e, sites[e.to.Addr()][0])
		}
	}
}

// elided has a function between two others that it left by a jump.
func (p *precision) elided(s *Symbolizer, jump, outer, inner codeEdge) {
	n := p.table["function left by a jump"]
	if n == nil {
		n = new(tally)
		p.table["function left by a jump"] = n
	}
	bt := []Frame{p.named(inner.from, inner.after), p.named(outer.from, outer.after)}
	calls := s.Backtrace(bt)
	if calls[len(calls)-1].Confidence == Contradicted {
		n.wrong++
		p.t.Errorf("%s: %v <- %s <- %v: %v", p.path, bt[0], jump.from.Name, bt[1], calls[len(calls)-1].Err)
		return
	}
	if len(calls) != 3 {
		n.unknown++
		return
	}
	c := calls[1]
	want := p.position(jump, 5)
	switch {
	case c.Kind != KindElided || c.Pos[len(c.Pos)-1].Func != want[len(want)-1].Func:
		n.wrong++
		p.t.Errorf("%s: %v <- %s <- %v: got %v", p.path, bt[0], jump.from.Name, bt[1], c.Pos)
	case c.Pos[len(c.Pos)-1].Line == 0:
		n.ambiguous++
	case !slices.Equal(raw(c.Pos), want):
		n.wrong++
		p.t.Errorf("%s: %v <- %s <- %v: got %v, want %v", p.path, bt[0], jump.from.Name, bt[1], c.Pos, want)
	default:
		n.recovered++
	}
}

// printed has two functions, one of which calls the other: both are right.
func (p *precision) printed(s *Symbolizer, outer, inner codeEdge) {
	n := p.table["nothing: names that agree"]
	if n == nil {
		n = new(tally)
		p.table["nothing: names that agree"] = n
	}
	bt := []Frame{p.named(inner.from, inner.after), p.named(outer.from, outer.after)}
	calls := s.Backtrace(bt)
	for _, c := range calls {
		if c.Confidence == Contradicted {
			n.wrong++
			p.t.Errorf("%s: %v <- %v: %v", p.path, bt[0], bt[1], c.Err)
			return
		}
	}
	switch c := calls[len(calls)-1]; {
	case len(calls) == 2 && c.Confidence == Proved:
		n.recovered++
	case c.Confidence == Ambiguous:
		n.ambiguous++
	default:
		n.unknown++
	}
}
