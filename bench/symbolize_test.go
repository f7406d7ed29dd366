// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package bench

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

var (
	seed  = flag.Uint64("seed", 1, "draw other frames")
	every = flag.Int("every", 1, "take only every `n`th module")
)

// objects returns the folder of Debian's debugging information.
func objects(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("KMEMLEAK_OBJECTS")
	if dir == "" {
		tb.Skip("KMEMLEAK_OBJECTS names no folder with a vmlinux and modules (try: make bench, which loads 900 MB)")
	}
	return dir
}

// site is a place that a call returns to, and the kernel's form of it.
type site struct {
	section string
	addr    uint64 // of the return address, as tools with -j count: from the section's start
	last    bool   // the call is the last instruction of its section
	frame   kmemleak.Frame
}

// sites returns up to n places that calls return to, all different. They are drawn from
// what the file says about its calls, using the standard library. Sections take turns, so that
// small ones get their share.
func sites(path string, n int) ([]site, error) {
	f, err := kobj.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	calls, err := calls(path)
	if err != nil {
		return nil, err
	}
	name := fnv.New64a()
	io.WriteString(name, filepath.Base(path))
	rnd := rand.New(rand.NewPCG(name.Sum64(), *seed))
	own := f.Sections()
	order := slices.Sorted(maps.Keys(calls))
	for _, i := range order {
		rnd.Shuffle(len(calls[i]), func(a, b int) { calls[i][a], calls[i][b] = calls[i][b], calls[i][a] })
	}
	var all []site
	for len(order) > 0 && len(all) < n {
		order = slices.DeleteFunc(order, func(i int) bool { return len(calls[i]) == 0 })
		for _, i := range order {
			off := calls[i][0]
			calls[i] = calls[i][1:]
			x, ok := printed(f, &own[i], off, path)
			if ok && len(all) < n {
				all = append(all, x)
			}
		}
	}
	return all, nil
}

// calls returns the offsets behind the call instructions of each section.
func calls(path string) (map[int][]uint64, error) {
	e, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	found := make(map[int][]uint64)
	if err := listedCalls(e, found); err != nil {
		return nil, err
	}
	for _, r := range e.Sections {
		if r.Type != elf.SHT_RELA || int(r.Info) >= len(e.Sections) {
			continue
		}
		sec := e.Sections[r.Info]
		if sec.Flags&elf.SHF_EXECINSTR == 0 || sec.Type == elf.SHT_NOBITS {
			continue
		}
		relocations, err := r.Data()
		if err != nil {
			return nil, err
		}
		code, err := sec.Data()
		if err != nil {
			return nil, err
		}
		for b := relocations; len(b) >= 24; b = b[24:] {
			// In a linked file the offset is an address.
			off := binary.LittleEndian.Uint64(b) - sec.Addr
			typ := elf.R_X86_64(binary.LittleEndian.Uint32(b[8:]))
			if typ != elf.R_X86_64_PLT32 && typ != elf.R_X86_64_PC32 || off == 0 || off+4 > uint64(len(code)) {
				continue
			}
			if code[off-1] == 0xe8 {
				found[int(r.Info)] = append(found[int(r.Info)], off+4)
			}
		}
	}
	return found, nil
}

// listedCalls adds the direct calls that objtool has listed in a section of the kernel:
// the distance of each from its entry. Newer kernels have the list, and no relocations.
func listedCalls(e *elf.File, found map[int][]uint64) error {
	list := e.Section(".call_sites")
	if list == nil || e.Type == elf.ET_REL {
		return nil
	}
	b, err := list.Data()
	if err != nil {
		return err
	}
	code := make(map[int][]byte)
	for i, sec := range e.Sections {
		if sec.Flags&elf.SHF_EXECINSTR != 0 && sec.Type != elf.SHT_NOBITS && e.Section(".rela"+sec.Name) == nil {
			if code[i], err = sec.Data(); err != nil {
				return err
			}
		}
	}
	for at := list.Addr; len(b) >= 4; at, b = at+4, b[4:] {
		call := at + uint64(int64(int32(binary.LittleEndian.Uint32(b))))
		for i, code := range code {
			if off := call - e.Sections[i].Addr; off < uint64(len(code)) && code[off] == 0xe8 {
				found[i] = append(found[i], off+5)
			}
		}
	}
	return nil
}

// printed returns the frame that Linux 6.1 prints for a return address.
func printed(f *kobj.File, sec *kobj.Section, off uint64, path string) (site, bool) {
	if f.CallBefore(sec, off).Callee == "__fentry__" {
		return site{}, false // is not a call in a running kernel
	}
	sym, ok := f.SymbolAt(sec, off)
	if off >= sec.Size || !ok || sym.Section != sec {
		// Call traces name the function that contains the call.
		if sym, ok = f.SymbolAt(sec, off-1); !ok || sym.Section != sec {
			return site{}, false // code that is used to patch other code
		}
	}
	z := f.Sizes(sym)
	size := z.Next
	if size == 0 {
		start := sec.RegionOffset + sym.Offset
		size = (start+z.Region+4095)&^4095 - start
	}
	x := site{section: sec.Name, addr: off, last: off == sec.Size}
	if f.Linked() {
		x.addr += sec.Addr
	}
	x.frame = kmemleak.Frame{Func: sym.Name, Offset: off - sym.Offset, Size: size}
	if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok {
		x.frame.Module = strings.ReplaceAll(name, "-", "_")
	}
	return x, true
}

// place is one function of an inline chain.
type place struct {
	function, file string
	line, column   int
}

// chain is the result of a symbolizer, the innermost function first.
type chain []place

func ours(all []kmemleak.Pos) chain {
	var c chain
	for _, p := range all {
		c = append(c, place{p.Func, p.RawFile, p.Line, p.Column})
	}
	return c
}

var placeLine = regexp.MustCompile(`^(.*?):(\d+|\?)(?::(\d+))?(?: \(.*\))?$`)

// ask returns the results of eu-addr2line or addr2line for places in one section.
func ask(tool, path string, all []site) ([]chain, error) {
	var in bytes.Buffer
	for _, x := range all {
		fmt.Fprintf(&in, "%#x\n", x.addr-1)
	}
	args := []string{"-i", "-a", "-f", "-e", path}
	if strings.HasSuffix(path, ".ko") {
		args = append(args, "-j", all[0].section)
	}
	cmd := exec.Command(tool, args...)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", tool, path, err)
	}
	answers, err := parse(out)
	if err == nil && len(answers) != len(all) {
		err = fmt.Errorf("%d answers to %d questions", len(answers), len(all))
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", tool, path, err)
	}
	return answers, nil
}

// parse reads pairs of lines, a function's and a place's. Each result has a line with
// the address in front of it, or an empty one behind it.
func parse(out []byte) ([]chain, error) {
	var answers []chain
	function, open := "", false
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			open = false
			continue
		}
		if strings.HasPrefix(line, "0x") {
			answers, open = append(answers, nil), true
			continue
		}
		if function == "" {
			function, _, _ = strings.Cut(line, " inlined at ")
			continue
		}
		m := placeLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("unknown line %q", line)
		}
		if !open {
			answers, open = append(answers, nil), true
		}
		p := place{function: function, file: m[1]}
		p.line, _ = strconv.Atoi(m[2])
		p.column, _ = strconv.Atoi(m[3])
		last := &answers[len(answers)-1]
		*last = append(*last, p)
		function = ""
	}
	return answers, lines.Err()
}

// without returns the chain without the parts that the two tools leave out or write in
// their own way.
func (c chain) without(columns, spelling, names bool) chain {
	c = slices.Clone(c)
	for i := range c {
		if columns {
			c[i].column = 0
		}
		if spelling {
			c[i].file = filepath.Clean(c[i].file)
		}
		if names {
			c[i].function = ""
		}
	}
	return c
}

// places returns the part of a chain that all three tools print.
func (c chain) places() chain { return c.without(true, true, true) }

func (c chain) same(d chain) bool { return slices.Equal(c, d) }

// inlinedAlike reports whether d differs only in where functions were inlined.
func (c chain) inlinedAlike(d chain) bool {
	return len(c) > 1 && len(c) == len(d) && c[0] == d[0] &&
		slices.EqualFunc(c, d, func(p, q place) bool { return p.file == q.file })
}

func (c chain) known() bool { return len(c) > 0 && c[0].line != 0 }

func (c chain) String() string {
	var b strings.Builder
	for i, p := range c {
		if i > 0 {
			b.WriteString(" < ")
		}
		fmt.Fprintf(&b, "%s %s:%d:%d", p.function, p.file, p.line, p.column)
	}
	return b.String()
}

const (
	agree       = "agree in everything"
	unexplained = "unexplained"
	wrong       = "wrong: both others agree, and we are sure of something else"
)

// opinion has the results of all three for one frame.
type opinion struct {
	path string
	site
	call         kmemleak.Call
	ours, eu, bu chain // bu only if the first two differ
}

// class says how we and eu-addr2line differ, and which of the two addr2line agrees
// with.
func (x *opinion) class() string {
	a, b := x.ours, x.eu
	switch {
	case a.same(b):
		return agree
	case a.without(true, false, false).same(b.without(true, false, false)):
		return "same but for columns"
	case a.without(false, true, false).same(b.without(false, true, false)):
		return "same but for // and the like in paths"
	case a.without(false, false, true).same(b.without(false, false, true)):
		return "same but for names of functions"
	case a.places().same(b.places()):
		return "same but for two of these"
	}
	sure := x.call.Confidence >= kmemleak.Consistent
	if x.call.Confidence == kmemleak.Ambiguous {
		for _, other := range x.call.Others {
			if ours(other).places().same(b.places()) {
				return "ambiguous: theirs is among ours"
			}
		}
	}
	switch a, b, third := a.places(), b.places(), x.bu.places(); {
	case third.same(a) && strings.HasSuffix(x.frame.Func, ".cold"):
		return "addr2line is with us: .cold code"
	case third.same(a) && x.last:
		return "addr2line is with us: end of section"
	case third.same(a) && !x.eu.known():
		return "addr2line is with us: eu-addr2line knows nothing"
	case third.same(a) && a.inlinedAlike(b):
		return "addr2line is with us: another call of the same inlined function"
	case third.same(a):
		return "addr2line is with us"
	case third.same(b) && sure:
		return wrong
	case x.call.Confidence <= kmemleak.Contradicted:
		return "we give no answer"
	}
	return unexplained
}

func (x *opinion) String() string {
	return fmt.Sprintf("%s %s+%#x %v: %v %v\n    we        %v\n    eu        %v\n    addr2line %v",
		filepath.Base(x.path), x.section, x.addr, x.frame, x.call.Confidence, x.call.Err, x.ours, x.eu, x.bu)
}

// compare runs all three for up to n frames of a file.
func compare(s *kmemleak.Symbolizer, path string, n int) ([]opinion, error) {
	all, err := sites(path, n)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b site) int { return cmp.Compare(a.section, b.section) })
	var opinions []opinion
	for len(all) > 0 {
		n := 1
		for n < len(all) && (all[n].section == all[0].section || !strings.HasSuffix(path, ".ko")) {
			n++
		}
		eu, err := ask("eu-addr2line", path, all[:n])
		if err != nil {
			return nil, err
		}
		var differ []int
		for i, x := range all[:n] {
			o := opinion{path: path, site: x, eu: eu[i]}
			o.call = s.Backtrace([]kmemleak.Frame{x.frame})[0]
			o.ours = ours(o.call.Pos)
			if !o.ours.same(o.eu) {
				differ = append(differ, len(opinions))
			}
			opinions = append(opinions, o)
		}
		if len(differ) > 0 {
			var ambiguous []site
			for _, i := range differ {
				ambiguous = append(ambiguous, opinions[i].site)
			}
			bu, err := ask("addr2line", path, ambiguous)
			if err != nil {
				return nil, err
			}
			for i, j := range differ {
				opinions[j].bu = bu[i]
			}
		}
		all = all[n:]
	}
	return opinions, nil
}

// TestAgreement compares with eu-addr2line over frames of all modules and of the kernel
// image; where the two differ it also compares with addr2line.
func TestAgreement(t *testing.T) {
	const ofModule, ofImage = 6, 2000
	dir := objects(t)
	var paths []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".ko") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	modules := len(paths)
	image := filepath.Join(dir, "vmlinux")
	var chosen []string
	for i := 0; i < modules; i += max(*every, 1) {
		chosen = append(chosen, paths[i])
	}
	chosen = append(chosen, image)

	s := &kmemleak.Symbolizer{Dirs: []string{dir}}
	defer s.Close()
	results := make([][]opinion, len(chosen))
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				n := ofModule
				if chosen[i] == image {
					n = ofImage
				}
				var err error
				if results[i], err = compare(s, chosen[i], n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range chosen {
		next <- i
	}
	close(next)
	wg.Wait()

	classes, confidence, frames, with := make(map[string][]opinion), make(map[kmemleak.Confidence]int), 0, 0
	for _, opinions := range results {
		frames += len(opinions)
		if len(opinions) > 0 {
			with++
		}
		for _, x := range opinions {
			confidence[x.call.Confidence]++
			classes[x.class()] = append(classes[x.class()], x)
		}
	}
	table := func(write func(w io.Writer)) string {
		var b strings.Builder
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
		write(w)
		w.Flush()
		return b.String()
	}
	t.Logf("%d frames of vmlinux and %d of %d modules; %d have no calls\n%s\n%s", frames, with-1, modules, len(results)-with,
		table(func(w io.Writer) {
			for _, name := range slices.Sorted(maps.Keys(classes)) {
				n := len(classes[name])
				fmt.Fprintf(w, "%d\t%.2f %%\t %s\n", n, 100*float64(n)/float64(frames), name)
			}
		}),
		table(func(w io.Writer) {
			for _, c := range slices.Sorted(maps.Keys(confidence)) {
				fmt.Fprintf(w, "%d\t%.2f %%\t %v\n", confidence[c], 100*float64(confidence[c])/float64(frames), c)
			}
		}))
	for name, all := range classes {
		show := 1
		if name == unexplained || name == wrong {
			show = len(all)
		}
		for i := 0; i < show && name != agree; i++ {
			t.Logf("%s:\n%v", name, &all[i])
		}
	}
	if n := len(classes[wrong]); n > 0 {
		t.Errorf("%d answers are wrong and not marked as doubtful", n)
	}
}
