// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kmemleak/kmemleak"
)

// Text writes leaks for people: their number, the groups of leaks from one place, the
// largest first, and the meaning of the marks that it used.
//
// A group has the owner and the number of objects and bytes. For its first object
// follow the thread, the bytes, the source around the place that asked for the
// memory, if the file is there, and the backtrace with inlined functions, in which an
// arrow marks that place. If the leak may be that of code in other files, too, these are
// listed with the reasons. Source files are those that the debugging information
// names, as they are now, of at most 8 MiB. A file that only the text of a report
// names is not read.
//
// Lines and their number are bounded by the options and by the length of the
// backtraces. The text may change between versions.
func Text(w io.Writer, leaks []kmemleak.Leak, o *Options) error {
	p := newPrinter(w, o)
	if len(leaks) > 0 {
		p.readLive()
	}
	if len(leaks) > 0 && p.Detail == Verbose {
		var err error
		if p.tree, err = p.readTree(); err != nil {
			p.Doubts = append(slices.Clip(p.Doubts), fmt.Errorf("who maintains what: %w", err))
		}
	}
	groups := kmemleak.Groups(leaks)
	switch {
	case p.Err == nil && len(leaks) == 0 && len(p.Doubts) > 0:
		p.line(bold, "no leaks found, but the search is not sure of that")
	case p.Err == nil && len(leaks) == 0:
		p.line(bold, "no leaks")
	case len(leaks) == 0:
		p.line(bold, "could not look for leaks: %s", errorText(p.Err))
	default:
		p.line(bold, "%s", headline(leaks, len(groups)))
		if p.Err != nil {
			p.line(bold, "leaks may be missing: %s", errorText(p.Err))
		}
	}
	for _, doubt := range p.Doubts {
		p.line(plain, "  not sure: %s", errorText(doubt))
	}
	if err := p.tests(leaks, groups); err != nil {
		return err
	}
	p.legend()
	return p.out.Flush()
}

// places writes groups of leaks, as many as may be shown.
func (p *printer) places(groups []kmemleak.Group) error {
	shown := bound(len(groups), p.MaxGroups)
	for _, g := range p.groups(groups[:shown]) {
		if p.Detail != Brief {
			p.line(plain, "")
		}
		p.group(&g)
		if _, err := p.out.Write(nil); err != nil {
			return err
		}
	}
	if rest := len(groups) - shown; rest > 0 {
		p.line(plain, "  and %s more", plural(rest, "place"))
	}
	return nil
}

// Owner returns the owner of a leak in one line, with the place that asked for the
// memory if it is known: "greeting_alloc [hello] at hello.c:36, inlined into greet".
func Owner(l kmemleak.Leak, o *Options) string {
	options := o.get()
	return ownerText(options.Symbolizer.Calls(l))
}

// headline returns the number of leaks, bytes and places.
func headline(leaks []kmemleak.Leak, places int) string {
	var bytes uint64
	n := 0
	for i := range leaks {
		l := &leaks[i]
		n, bytes = n+l.Objects(), sum(bytes, l.Bytes())
	}
	s := amount(n, bytes) + " in all"
	if places > 1 {
		s += fmt.Sprintf(", from %d places", places)
	}
	return s
}

func amount(leaks int, bytes uint64) string {
	return fmt.Sprintf("%s, %d bytes", plural(leaks, "leak"), bytes)
}

// sum adds numbers of bytes, which in a damaged report may be any.
func sum(a, b uint64) uint64 {
	if a+b < a {
		return math.MaxUint64
	}
	return a + b
}

func plural[N int | uint64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// A printer writes lines.
type printer struct {
	Options
	out     *bufio.Writer
	color   bool
	tree    *tree           // for Verbose
	marks   map[string]bool // marks that were used and must be explained
	told    map[string]bool // errors that need not be written again
	misfits map[string]bool // object files that contradict a frame
}

func newPrinter(w io.Writer, o *Options) *printer {
	options := o.get()
	return &printer{
		Options: options, out: bufio.NewWriter(w), color: options.Color.use(w),
		marks: make(map[string]bool), told: make(map[string]bool), misfits: make(map[string]bool),
	}
}

// line writes a line. Errors of the writer stay with p.out.
func (p *printer) line(s style, format string, args ...any) {
	text := strings.TrimRight(fmt.Sprintf(format, args...), " ")
	if p.color && s != plain {
		text = string(s) + text + string(reset)
	}
	p.out.WriteString(text)
	p.out.WriteByte('\n')
}

// row is a line of cells that are aligned with those of the lines around it.
type row struct {
	style style
	cells []string
	marks []string // marks in the cells, which must be explained
}

// table writes rows. Cells contain neither tabs nor line ends, see clean.
func (p *printer) table(indent string, rows []row) {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, indent+strings.Join(r.cells, "\t"))
	}
	t.Flush() // a buffer has no errors
	for _, r := range rows {
		line, _ := b.ReadString('\n')
		p.line(r.style, "%s", line[:len(line)-1])
	}
}

// group writes the leaks of one place.
func (p *printer) group(g *group) {
	l := g.Example
	p.line(bold, "  %s: %s", amount(g.Count, g.Bytes), g.text())
	by, when := fmt.Sprintf("allocated by thread %d (%q)", l.PID, clip(l.Comm, maxText)), p.when(g.Group)
	if l.Comm == "" && l.PID == 0 && l.Jiffies == 0 { // a damaged record
		by, when = "allocated by a thread that is not known", "at a time that is not known either"
	}
	if p.Detail == Brief {
		p.line(plain, "    %s", by)
	} else {
		p.line(plain, "    %s, %s", by, when)
		p.live(g)
		if p.Detail == Verbose {
			p.maintainers(g)
		}
		p.object(g.Group)
		p.source(g.calls)
	}
	p.backtrace(g.calls)
	p.candidates(g.calls)
}

// when returns when the leaks of a group were allocated.
func (p *printer) when(g kmemleak.Group) string {
	s := fmt.Sprintf("jiffies %d", g.FirstJiffies)
	if g.LastJiffies != g.FirstJiffies {
		s += fmt.Sprintf(" to %d", g.LastJiffies)
	}
	first := "at"
	if g.Count > 1 {
		first = "first at"
	}
	if at, ok := p.Clock.Time(g.FirstJiffies); ok {
		s += fmt.Sprintf(", %s %s", first, at.Format(time.RFC3339))
	} else if up, ok := p.Clock.Since(g.FirstJiffies); ok {
		s += fmt.Sprintf(", %s %v after boot", first, up.Round(time.Millisecond))
	}
	if g.Oldest > 0 {
		s += fmt.Sprintf(", %v old", g.Oldest)
		if g.Youngest != g.Oldest {
			s += fmt.Sprintf(" at most, %v at least", g.Youngest)
		}
	}
	return s
}

// object writes what is known about the first object of a group.
func (p *printer) object(g kmemleak.Group) {
	l := g.Example
	s := "object"
	if g.Count > 1 {
		s = "first object"
	}
	if l.PerCPU {
		s += " (percpu)"
	}
	s += fmt.Sprintf(" 0x%x (size %d), fingerprint %s", l.Addr, l.Size, g.Fingerprint)
	if l.More > 0 {
		s += fmt.Sprintf(", and %d more with the same backtrace, counted with its size", l.More)
	}
	if len(l.Data) > 0 {
		s += fmt.Sprintf(", first %d bytes", len(l.Data))
		if l.PerCPU {
			s += fmt.Sprintf(" on cpu %d", l.CPU)
		}
		s += ":"
	}
	p.line(plain, "    %s", s)
	for row := range strings.Lines(l.HexDump()) {
		p.line(plain, "  %s", row[:len(row)-1])
	}
	if p.ObjectType && p.Symbolizer != nil {
		p.objectType(l)
	}
}

// objectType writes what an object may be.
func (p *printer) objectType(l kmemleak.Leak) {
	guesses, err := p.Symbolizer.ObjectType(l)
	for _, g := range guesses {
		p.line(plain, "    may be %s: %s", text(cmp.Or(g.Type, "a type without a name")), text(g.Reason))
		rows := make([]row, len(g.Fields))
		for i, f := range g.Fields {
			rows[i] = row{plain, []string{fmt.Sprint(f.Offset), text(f.Name), text(f.Type), text(f.Value)}, nil}
		}
		p.table("      ", rows)
	}
	if err != nil && p.Detail == Verbose {
		p.line(plain, "    type unknown: %s", errorText(err))
	}
}
