// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// line takes a line without its carrier. It changes what l says while it takes one item
// after the other, as all that follows does.
func (r *record) line(l *logtext.Line) verdict {
	if l.Carrier.Timed && (!r.carrier.Timed || r.carrier.Tagged && !l.Carrier.Tagged) {
		// The kernel's log between the lines of a report.
		l.Text = logtext.Trim(l.Text)
		if r.part == partBacktrace && len(r.trace.frames) == 0 && r.lastLine == l.Number-1 && len(l.Text) > 0 && isBracketFrame(l.Text) {
			r.damageAt(l, "a frame has not the mark of the other lines")
		}
		return passed
	}
	return r.text(l)
}

// more takes the rest of a line, if there is any.
func (r *record) more(l *logtext.Line, rest []byte) verdict {
	if l.Text = logtext.Trim(rest); len(l.Text) > 0 {
		return r.text(l)
	}
	return taken
}

// text takes the kernel's part of a line.
func (r *record) text(l *logtext.Line) verdict {
	l.Indent = logtext.Indent(l.Text)
	if l.Text = trimEnds(l.Text); len(l.Text) == 0 {
		r.empty(l)
		return taken
	}
	if r.between.blank {
		r.between.blank = false
		if !r.resumes(l) {
			return complete
		}
	}
	for first := true; len(l.Text) > 0; first = false {
		rest, used := r.take(l, first)
		switch {
		case r.closed:
			return complete
		case !used && first:
			return r.other(l)
		case !used:
			if r.part == partBacktrace && isInlineStart(l.Text) {
				l.Indent = 0
				r.keep(l)
				r.lastLine = l.Number
			}
			return taken
		}
		r.lastLine, r.between.others = l.Number, 0
		l.Text = logtext.Trim(rest)
	}
	return taken
}

// trimEnds removes blanks around b, but for those at the end of a comm line, which
// may be in a name that has a line end in it.
func trimEnds(b []byte) []byte {
	b = logtext.TrimLeft(b)
	if isComm(b) {
		return b
	}
	return logtext.TrimRight(b)
}

// empty takes an empty line. Records have none, but mail programs put one after each
// line.
func (r *record) empty(l *logtext.Line) {
	switch {
	case l.Carrier.Timed:
		r.lastLine = l.Number // the rest may have been wrapped
	case r.part == partHeader:
		r.between.spaced = true
	case len(r.trace.frames) > 0 && !r.between.spaced:
		r.between.blank = true
	}
}

// resumes reports whether the line after an empty one goes on with the backtrace.
func (r *record) resumes(l *logtext.Line) bool {
	t := &r.trace
	if r.mixed || t.gap || l.Indent != t.indent || t.printed >= 16 {
		return false
	}
	f, form, rest, err := parseFrame(l.Text)
	whole := form.offset && form.size || form.number && f.Addr>>28 != 0
	return err == nil && whole && form.bracket == t.form.bracket && t.form.offset && !isProse(rest)
}

// other takes a line that is no part of the record.
func (r *record) other(l *logtext.Line) verdict {
	b, t := l.Text, &r.trace
	r.between.others++
	r.between.colon = b[len(b)-1] == ':'
	inTrace := r.part == partBacktrace
	direct := inTrace && !t.gap && !r.mixed
	switch {
	case direct && len(t.frames) > 0 && (bytes.HasPrefix(b, []byte("Call Trace:")) || bytes.HasPrefix(b, []byte("Call trace:"))):
		return complete
	case bytes.HasPrefix(b, []byte("... and ")) && bytes.Contains(b, []byte("more object")):
		r.damageAt(l, "more objects with the same backtrace are not printed")
		r.lastLine = l.Number
	case isEllipsis(b):
		r.damageAt(l, "lines are left out")
		r.lastLine = l.Number
		t.gap = t.gap || len(t.frames) > 0
	case r.part == partComm && isHexRow(b):
		r.damageAt(l, "the line before the hex dump is missing")
		r.lastLine = l.Number
	case inTrace && !t.gap && isHexRow(b):
		r.damageAt(l, "a second hex dump")
		r.lastLine, r.mixed = l.Number, true
	case inTrace && bytes.HasPrefix(b, []byte("0x")) && bytes.Contains(b, []byte(" (size ")):
		r.damageAt(l, "the header of another record is cut")
		r.lastLine, t.gap, r.mixed = l.Number, false, true
	case bytes.HasPrefix(b, []byte("Object ")) && inTrace, // the answer to dump=
		r.part == partHeader && !r.carrier.Timed && (r.between.spaced || r.between.others > 2),
		r.between.others > maxOthers:
		return complete
	case direct && (hasOffset(b) || l.Indent >= frameIndent && l.Indent > r.base && (l.Indent == t.indent || len(t.frames) == 0)):
		r.damageAt(l, "a line of the backtrace is not a frame")
		t.gap = len(t.frames) > 0
	case len(t.frames) > 0 && !r.mixed:
		t.gap = true
	}
	return taken
}

// maxOthers is the number of lines of others, not told apart by their carriers,
// that may stand between two lines of a record.
const maxOthers = 32

func isEllipsis(b []byte) bool {
	t := bytes.Trim(b, "[]<>(){}*~-/ \t")
	if bytes.HasPrefix(t, []byte("... skip")) || bytes.HasPrefix(t, []byte("... ")) && bytes.Contains(t, []byte(" skipped")) || bytes.HasSuffix(t, []byte("lines omitted")) || string(t) == "8" && len(b) > 4 {
		return true // "-----8<-----"
	}
	return len(t) > 0 && (len(bytes.Trim(t, ".")) == 0 && len(t) >= 2 || string(t) == "snip" || string(t) == "\u2026" ||
		string(t) == "cut" || string(t) == "truncated")
}

// continued takes the line after one that ended too early.
func (r *record) continued(l *logtext.Line) verdict {
	const most = 4 // lines of a frame
	kept := r.carry
	changed := kept.Changed || l.Changed
	seps := []string{" "}
	if isComm(kept.Text) && !(r.comm.carried && l.Bare) {
		seps = []string{"\n", " "} // a name with a line end in it, or a wrapped line
	}
	if l.Bare && kept.Indent > 0 && len(l.Text) > 0 && !logtext.IsBlank(l.Text[0]) {
		seps = append(seps, "") // wrapped by a terminal, which cuts words
	}
	inTrace, frames, printed, damage := r.part == partBacktrace, len(r.trace.frames), r.trace.printed, r.damage
	_, name, _, err := parseFrame(kept.Text)
	again := false // the line needs still more with the first separator
	for i, sep := range seps {
		before, after := kept.Text, l.Text
		if sep == " " {
			before, after = logtext.TrimRight(before), logtext.Trim(after)
		}
		whole := slices.Concat(before, []byte(sep), after)
		joined := *l
		joined.Text, joined.Indent = trimEnds(whole), kept.Indent
		r.carry.Text = nil
		rest, used := r.take(&joined, true)
		if !used {
			continue
		}
		if inTrace && len(r.trace.frames) > frames && len(rest) > 0 && (err == nil && name.offset || rest[0] == '[') {
			r.trace.frames, r.trace.printed, r.damage = r.trace.frames[:frames], printed, damage // it was not the same line
			continue
		}
		if len(r.carry.Text) > 0 {
			if !isName(kept.Text) && (i < len(seps)-1 || again) {
				again = true
				continue
			}
			if r.part == partBacktrace && kept.lines >= most {
				break
			}
			r.carry.lines, r.carry.Number, r.carry.Changed = kept.lines+1, kept.Number, changed
		} else {
			r.carry.Text = kept.Text[:0]
		}
		if changed && strings.Contains(r.leak.Comm, "\n") {
			// What undoes the marks of mail and terminals may have changed the name.
			r.damageAt(&logtext.Line{Text: whole, Number: r.carry.Number}, "the name of the thread may have been another")
		}
		r.lastLine = l.Number
		return r.more(l, rest)
	}
	if again && (r.part != partBacktrace || kept.lines < most) {
		r.carry.Text = append(append(kept.Text, seps[0]...), l.Text...)
		r.carry.lines, r.carry.Changed = kept.lines+1, changed
		r.lastLine = l.Number
		return taken
	}
	// The line was cut. What came after it are lines of their own.
	r.carry.Text = nil
	cut, lost, _ := bytes.Cut(kept.Text, []byte{'\n'})
	r.comm.read = r.comm.read || isComm(kept.Text) // it is not missing
	kept.Text = cut
	r.cutAt(&kept.Line, l)
	v := taken
	for text := range bytes.SplitSeq(slices.Concat(lost, []byte{'\n'}, l.Text), []byte{'\n'}) {
		if l.Text = text; len(text) > 0 && !r.closed && v != complete {
			v = r.text(l)
		}
	}
	return v
}

// cutAt notes that a line is cut, which is known at the line now. A frame that may be
// whole is kept.
func (r *record) cutAt(cut, now *logtext.Line) {
	if r.part != partBacktrace {
		r.damageAt(cut, "a line is cut")
		return
	}
	_, form, _, err := parseFrame(cut.Text)
	if err == nil && !form.offset && !form.bracket && cut.Indent < frameIndent {
		return // a word after the record
	}
	r.damageAt(cut, "a frame is cut")
	if err == nil && form.offset {
		l := *now
		l.Text, l.Indent = cut.Text, cut.Indent
		r.carry.final = true
		r.takeFrame(&l, true)
		r.carry.final = false
	}
}

// result returns the leak when there are no more lines. now is the line at which that
// is known.
func (r *record) result(now *logtext.Line) (Leak, error) {
	last := &logtext.Line{Number: r.lastLine}
	switch {
	case len(r.carry.Text) > 0:
		cut := r.carry.Line
		r.cutAt(&cut, now)
	case !r.comm.read:
		r.damageAt(last, "the comm line is missing")
	case r.part == partDump && len(r.dump.data) < r.dump.want:
		r.damageAt(last, "the hex dump is cut")
	case r.part != partBacktrace:
		r.damageAt(last, "the backtrace is missing")
	}
	if r.dump.read && (len(r.dump.data) > 0 || r.dump.want == 0) {
		r.leak.Data = r.intern.copyData(r.dump.data)
	} else {
		r.leak.CPU = 0
	}
	r.leak.Backtrace = r.intern.stack(r.trace.frames)
	if r.damage == nil {
		return r.leak, nil
	}
	return r.leak, r.damage
}
