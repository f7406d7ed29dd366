// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak"
)

// mailWidth is the longest line of a mail, except in a record.
const mailWidth = 75

// Mail writes a report to the people who look after the code that leaks, as a plain text
// mail with its header, ready to be completed and sent. All leaks must be of one place,
// see [kmemleak.Groups]; otherwise Mail returns an error.
//
// Subject is the owner. To and Cc are from MAINTAINERS in the first of
// [kmemleak.Symbolizer.Sources] that has one, as scripts/get_maintainer.pl finds them
// without a repository; To is empty if that tree does not have the owner's file. The body
// says how much is leaked, since when, on which kernel ([kmemleak.Symbolizer.Release]) and
// how it was found, and has the first record: its backtrace with source lines, from the
// owner down to where the kernel was entered, and no bytes of memory. [kmemleak.Extract]
// reads it again.
func Mail(w io.Writer, leaks []kmemleak.Leak, o *Options) error {
	groups := kmemleak.Groups(leaks)
	if len(groups) != 1 {
		return fmt.Errorf("a mail is about one place that leaks, and there are %d", len(groups))
	}
	p := newPrinter(w, o)
	p.readLive()
	tree, err := p.readTree()
	if err != nil {
		return err
	}
	g := &p.groups(groups)[0]
	p.mailHeader(g, tree)
	p.mailBody(g, tree)
	return p.out.Flush()
}

// mailHeader writes the header of a mail.
func (p *printer) mailHeader(g *group, t *tree) {
	to, cc := t.recipients(suspects(g.calls))
	for _, field := range []struct {
		name string
		list []string
	}{{"To", to}, {"Cc", cc}} {
		if len(field.list) > 0 || field.name == "To" {
			p.line(plain, "%s: %s", field.name, strings.Join(field.list, ",\n    "))
		}
	}
	p.line(plain, "Subject: %s", subject(g))
	p.line(plain, "MIME-Version: 1.0")
	p.line(plain, "Content-Type: text/plain; charset=UTF-8")
	p.line(plain, "Content-Transfer-Encoding: 8bit")
	p.line(plain, "")
}

// subject returns what the mail is about.
func subject(g *group) string {
	name := kmemleak.OwnerOf(g.calls).Func()
	if o := kmemleak.OwnerOf(g.calls); o.Pos != nil && o.Pos.Func != "" {
		name = o.Pos.Func // the function in which the line is
	}
	if name == "" {
		return "memory leak, owner not known"
	}
	return "memory leak in " + strings.Map(ascii, clip(name, mailWidth))
}

// ascii keeps what a header may have unencoded.
func ascii(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}

// mailBody writes the text of a mail.
func (p *printer) mailBody(g *group, t *tree) {
	what := plural(g.Count, "object") + " of " + plural(g.Bytes, "byte")
	if g.Count > 1 {
		what = plural(g.Count, "object") + ", " + plural(g.Bytes, "byte") + " in all,"
	}
	p.paragraph("kmemleak reports %s that nothing points to, allocated by %s.", what, p.mailOwner(g, t))
	p.line(plain, "")

	rows := [][2]string{{"Kernel", p.mailRelease()}, {"Allocated", p.mailTimes(g)}}
	if live := p.liveText(g); live != "" {
		rows = append(rows, [2]string{"Live", live + " (/proc/allocinfo)"})
	}
	found := "by kmemleak, which reports what at least two scans of the memory have found no pointer to"
	if p.Scans > 0 {
		found = fmt.Sprintf("by kmemleak, in %s", plural(p.Scans, "scan"))
	}
	rows = append(rows, [2]string{"Found", found}, [2]string{"Fingerprint", g.Fingerprint + " (github.com/kmemleak/kmemleak)"})
	if p.Err != nil {
		rows = append(rows, [2]string{"Not read", errorText(p.Err)})
	}
	for _, r := range rows {
		const indent = "             "
		lines := wrap(r[1], mailWidth-len(indent))
		p.line(plain, "%-*s%s", len(indent), r[0]+":", strings.Join(lines, "\n"+indent))
	}
	p.line(plain, "")
	if len(g.sites) > 1 || g.Count > 1 {
		p.line(plain, "The first of them, without allocators:")
	} else {
		p.line(plain, "The record, without allocators:")
	}
	p.line(plain, "")
	for line := range strings.Lines(p.mailRecord(g, t).String()) {
		p.line(plain, "%s", clean(strings.TrimSuffix(line, "\n")))
	}
}

// mailOwner returns the owner with its file and lines.
func (p *printer) mailOwner(g *group, t *tree) string {
	o := kmemleak.OwnerOf(g.calls)
	if o.Pos == nil || o.Pos.File == "" {
		return strings.ReplaceAll(g.text(), "×", "x")
	}
	sites := slices.Clone(g.sites)
	for i, s := range sites {
		if s.at.File != "" {
			sites[i].file = path(t.show(&kmemleak.Pos{File: s.file, RawFile: s.at.File}))
		}
	}
	text := sitesText(sites)
	if len(sites) == 1 {
		text = strings.Replace(text, fmt.Sprintf(" ×%d", sites[0].count), "", 1)
	}
	return strings.ReplaceAll(text, "×", "x")
}

// show returns the path of a place's file from the root of the tree, or as it is.
func (t *tree) show(p *kmemleak.Pos) string { return cmp.Or(t.path(p), p.File) }

func (p *printer) mailRelease() string {
	if p.Symbolizer != nil && p.Symbolizer.Release != "" {
		return "Linux " + text(p.Symbolizer.Release)
	}
	return "(its release is not known)"
}

// mailTimes returns when the leaks were allocated.
func (p *printer) mailTimes(g *group) string {
	if g.FirstJiffies == 0 && g.LastJiffies == 0 {
		return "at a time that is not known"
	}
	at := func(jiffies uint64) string {
		s := fmt.Sprintf("jiffies %d", jiffies)
		if t, ok := p.Clock.Time(jiffies); ok {
			return t.UTC().Format(time.RFC3339) + " (" + s + ")"
		} else if up, ok := p.Clock.Since(jiffies); ok {
			return fmt.Sprintf("%v after boot (%s)", up.Round(time.Millisecond), s)
		}
		return s
	}
	s := at(g.FirstJiffies)
	if g.LastJiffies != g.FirstJiffies {
		s = "first " + s + ", last " + at(g.LastJiffies)
	}
	if g.Oldest > 0 {
		s += fmt.Sprintf(", %v before the report", g.Oldest)
	}
	return s
}

// mailRecord returns the first record with what matters: the calls from the owner down to
// where the kernel was entered, with their source lines, and no bytes of memory.
func (p *printer) mailRecord(g *group, t *tree) kmemleak.Leak {
	l := g.Example
	l.Data, l.Checksum, l.Calls, l.Backtrace, l.More = nil, nil, nil, nil, 0
	owner := kmemleak.OwnerOf(g.calls)
	above := owner.Call != nil
	for i := range g.calls {
		c := &g.calls[i]
		if above = above && c != owner.Call; above {
			continue
		}
		if len(l.Backtrace) > 0 && entered(c) {
			break
		}
		places := trusted(c)
		f := c.Frame
		f.Addr, f.File, f.Line = 0, "", 0
		if f.Func == "" && len(places) == 0 {
			f.Addr = c.Frame.Addr
		}
		for j := range places {
			if c == owner.Call && owner.Pos != nil && len(l.Backtrace) == 0 && &places[j] != owner.Pos {
				continue // an allocator that was inlined
			}
			if f = (kmemleak.Frame{Func: places[j].Func, File: t.show(&places[j]), Line: places[j].Line, Inlined: j < len(places)-1}); !f.Inlined {
				f.Func, f.Module = cmp.Or(c.Frame.Func, f.Func), c.Module
			}
			if f.Func == "" || f.File == "" {
				f = c.Frame
			}
			if f.Inlined {
				l.Backtrace = append(l.Backtrace, f)
			}
		}
		f.Inlined = false
		l.Backtrace = append(l.Backtrace, f)
	}
	return l
}

// entered reports whether a call is one by which the kernel is entered: those end what a
// fingerprint is made of.
func entered(c *kmemleak.Call) bool {
	caller := kmemleak.Frame{Func: "f", Offset: 1, Size: 2}
	name := baseName(c)
	if name == "" {
		return false
	}
	below := kmemleak.Frame{Func: name, Offset: 1, Size: 2}
	return kmemleak.Leak{Backtrace: []kmemleak.Frame{caller, below}}.Fingerprint() == kmemleak.Leak{Backtrace: []kmemleak.Frame{caller}}.Fingerprint()
}

// paragraph writes a text in lines that are not too long.
func (p *printer) paragraph(format string, args ...any) {
	for _, line := range wrap(fmt.Sprintf(format, args...), mailWidth) {
		p.line(plain, "%s", line)
	}
}

// wrap breaks a text at blanks. A longer word has a line of its own.
func wrap(s string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
