// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// line takes a line without its carrier, and reports whether the record has ended, with it or
// before it. It changes what l says while it takes one item after the other, as all that
// follows does.
func (r *record) line(l *logtext.Line) (ended bool) {
	if len(r.carry.Text) > 0 {
		return r.continued(l)
	}
	if r.part == partHeader && r.carrier.Tagged && l.Carrier.Timed && !l.Carrier.Tagged {
		if _, rest, ok, _ := parseComm(logtext.Trim(l.Text)); ok && len(rest) == 0 {
			r.carrier.Tagged = false // kernels before 2.6.32 have the mark in the header alone
		}
	}
	if l.Carrier.Timed && (!r.carrier.Timed || r.carrier.Tagged && !l.Carrier.Tagged) {
		// The kernel's log between the lines of a report.
		return false
	}
	if l.Carrier.Quotes < r.carrier.Quotes && r.part == partBacktrace && len(r.trace.frames) > 0 && !l.Carrier.Timed {
		// A reply between the lines of what it answers.
		b := logtext.Trim(l.Text)
		last := r.intern.frames[r.trace.frames[len(r.trace.frames)-1]]
		rest, err := parseTail(b, &last.frame, &last.form)
		end := len(b) > 0 && (err == nil && len(rest) == 0 || isList(b) || isAt(b)) && (!r.reply || r.lastLine == l.Number-1)
		if !end && (len(b) == 0 || !hasFrame(b) && !logtext.IsEllipsis(b)) {
			r.reply = true
			r.doubtRest(l, b)
			return false
		}
	}
	return r.text(l)
}

// more takes the rest of a line, if there is any.
func (r *record) more(l *logtext.Line, rest []byte) (ended bool) {
	if l.Text = logtext.Trim(rest); len(l.Text) > 0 {
		return r.text(l)
	}
	return false
}

// text takes the kernel's part of a line.
func (r *record) text(l *logtext.Line) (ended bool) {
	l.Indent = logtext.Indent(l.Text)
	if l.Text = trimEnds(l.Text); len(l.Text) == 0 {
		r.empty(l)
		return false
	}
	if r.between.blank {
		r.between.blank = false
		if !r.resumes(l) {
			return true
		}
	}
	glued := false
	for first := true; len(l.Text) > 0; first = false {
		before := l.Text
		rest, used := r.take(l, first)
		switch {
		case r.closed:
			return true
		case !used && first:
			return r.other(l)
		case !used:
			r.leave(l, glued)
			return false
		}
		r.use(l)
		r.between.others, r.left = 0, false
		if glued = logtext.Touches(before, rest); len(rest) > 0 && rest[0] == '>' && r.part == partBacktrace {
			if t := bytes.TrimLeft(rest, "> \t"); len(t) > 0 && isBracketFrame(t) {
				rest, glued = t, false // a line end is lost before the marks of quoted text
			}
		}
		if l.Text = logtext.Trim(rest); first && len(l.Text) == 0 && len(r.carry.Text) == 0 {
			r.ledger.whole, r.elsewhere = true, r.elsewhere && r.announced != l.Carrier
		}
	}
	return false
}

// leave leaves what is behind the items of a line. glued says that no blank is before it.
func (r *record) leave(l *logtext.Line, glued bool) {
	b := l.Text
	f, form, rest, err := parseFrame(b)
	// In a filled paragraph a name, or a name and a position: [inline] may follow in the next line.
	inline := err == nil && len(rest) == 0 && !form.bracket && !form.number && !form.offset && f.Module == ""
	switch {
	case glued && r.part != partDump && string(b) != "." && (bytes.IndexByte([]byte("\"',;<|)*`]}\\"), b[0]) < 0 || bytes.Contains(b, []byte("+0x"))):
		r.damageAt(l, "something touches a number")
	case r.part == partBacktrace && (inline || err == errCutFrame && b[0] == '['):
		l.Indent = 0
		r.keep(l)
		r.lastLine = l.Number
	case r.part == partBacktrace && bytes.IndexByte(b, '/') > 0 && logtext.IndexBlank(b) == len(b):
		r.damageAt(l, "a source position is cut")
	case r.part == partBacktrace && b[0] == '[' && logtext.LeadingDigits(b[1:]) == 0: // no footnote
		r.damageAt(l, "no module is in the brackets behind a frame")
	case logtext.IsEllipsis(b) && r.part != partDump:
		r.damageAt(l, "text is left out")
	}
	r.left = true
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
	named := !t.form.offset && l.Indent >= frameIndent
	whole := err == nil && (form.offset && form.size || form.number && f.Addr>>28 != 0 || named && len(rest) == 0)
	return (whole || err == errCutFrame && form.bracket) && form.bracket == t.form.bracket && (t.form.offset || named) && !logtext.IsProse(rest)
}

// other takes a line that is no part of the record.
func (r *record) other(l *logtext.Line) (ended bool) {
	b, t := l.Text, &r.trace
	r.between.others++
	r.between.colon = b[len(b)-1] == ':'
	inTrace := r.part == partBacktrace
	direct := inTrace && !t.gap && !r.mixed
	switch {
	case direct && len(t.frames) > 0 && (bytes.HasPrefix(b, []byte("Call Trace:")) || bytes.HasPrefix(b, []byte("Call trace:"))):
		return true
	case bytes.HasPrefix(b, []byte("... and ")) && bytes.Contains(b, []byte("more object")):
		n, ok := parseMore(b)
		r.lastLine = l.Number
		if ok && direct && r.leak.More == 0 {
			r.leak.More = n
			return true
		}
		r.damageAt(l, "how many objects have the same backtrace cannot be read")
	case inTrace && isAt(b):
		r.lastLine = l.Number
	case logtext.IsEllipsis(b):
		r.damageAt(l, "lines are left out")
		r.lastLine = l.Number
		t.gap = t.gap || len(t.frames) > 0
	case r.doubtRest(l, b):
	case inTrace && !t.gap && isHexRow(b):
		r.damageAt(l, "a second hex dump")
		r.lastLine, r.mixed = l.Number, true
	case inTrace && bytes.HasPrefix(b, []byte("0x")) && bytes.Contains(b, []byte(" (size ")):
		r.damageAt(l, "the header of another record is cut")
		r.lastLine, t.gap, r.mixed = l.Number, false, true
	case bytes.HasPrefix(b, []byte("Object ")) && inTrace, // the answer to dump=
		r.part == partHeader && !r.carrier.Timed && (r.between.spaced || r.between.others > 2),
		r.between.others > maxOthers:
		return true
	case direct && (bytes.HasPrefix(b, []byte("BUG: memory leak")) || string(b) == "---"): // what syzkaller puts before and behind
		t.gap = len(t.frames) > 0
	case direct && l.Indent >= frameIndent && l.Indent > r.base && (l.Indent == t.indent || len(t.frames) == 0):
		r.damageAt(l, "a line of the backtrace is not a frame")
		t.gap = len(t.frames) > 0
	case len(t.frames) > 0 && !r.mixed:
		t.gap = true
	}
	return false
}

// maxOthers is the number of lines of others, not told apart by their carriers,
// that may stand between two lines of a record.
const maxOthers = 32

// doubtRest doubts b, which was not taken, if it may be the rest of the line before it.
// It reports whether it has.
func (r *record) doubtRest(l *logtext.Line, b []byte) bool {
	frames := r.part == partBacktrace && !r.trace.gap && !r.mixed && len(r.trace.frames) > 0
	if r.lastLine != l.Number-1 || r.left || !frames && r.part != partComm {
		return false
	}
	module, _, closed := bytes.Cut(bytes.TrimPrefix(b, []byte{'['}), []byte{']'})
	word := b[:logtext.IndexBlank(b)]
	switch {
	case isDigits(b):
		r.damageAt(l, "it goes on with digits of a number")
	case frames && len(b) > 0 && (b[0] == '[' && closed && isModule(module) || !r.trace.form.offset && isModule(word) && (len(word) == len(b) || isAt(b[len(word):]))):
		r.damageAt(l, "a word behind a frame may be of it, or one more")
	default:
		return false
	}
	return true
}

// isDigits reports whether b starts with what may be the rest of a number.
func isDigits(b []byte) bool {
	n := logtext.IndexBlank(b)
	s := logtext.Scan{Rest: bytes.TrimRight(b[:n], `",`)}
	_, _, ok := s.Hex()
	rest := logtext.TrimLeft(b[n:])
	return ok && len(s.Rest) == 0 && (len(rest) == 0 || rest[0] == '[' || rest[0] == '(')
}

// continued takes the line after one that ended too early.
func (r *record) continued(l *logtext.Line) (ended bool) {
	const most = 4 // lines of a frame
	kept := r.carry
	changed := kept.Changed || l.Changed
	seps := []string{" "}
	if isComm(kept.Text) && bytes.IndexByte(kept.Text, '"') >= 0 && !(r.carried && l.Bare) {
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
		joined.Text, joined.Indent, joined.Carrier.Quotes = trimEnds(whole), kept.Indent, kept.Carrier.Quotes
		r.carry.Text = nil
		rest, used := r.take(&joined, true)
		if !used {
			continue
		}
		if inTrace && len(r.trace.frames) > frames && len(rest) > 0 && (err == nil && name.offset || rest[0] == '[' && before[len(before)-1] != ']' || logtext.Touches(joined.Text, rest)) {
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
		} else if r.ledger.whole = len(rest) == 0; r.ledger.whole {
			r.owed = account{}
		}
		if (changed || kept.Indent == 0) && strings.Contains(r.leak.Comm, "\n") || isName(kept.Text) && sep == " " && (kept.Width >= r.width || r.carried && kept.Width+logtext.IndexBlank(l.Text) < r.width) {
			// What undoes the marks of mail and terminals may have changed the name. A terminal
			// cuts the widest lines, and no mailer wraps a line that the next word fits into.
			r.damageAt(&logtext.Line{Text: whole, Number: r.carry.Number}, "the name of the thread may have been another")
		}
		r.use(l)
		return r.more(l, rest)
	}
	if again && (r.part != partBacktrace || kept.lines < most) {
		r.carry.Text = append(append(kept.Text, seps[0]...), l.Text...)
		r.carry.lines, r.carry.Changed = kept.lines+1, changed
		r.use(l)
		return false
	}
	// The line was cut. What came after it are lines of their own.
	r.carry.Text = nil
	cut, lost, _ := bytes.Cut(kept.Text, []byte{'\n'})
	kept.Text = cut
	r.cutAt(&kept.Line)
	for text := range bytes.SplitSeq(slices.Concat(lost, []byte{'\n'}, l.Text), []byte{'\n'}) {
		if l.Text = text; len(text) > 0 && !r.closed && !ended {
			ended = r.text(l)
		}
	}
	return ended
}

// cutAt notes that a line is cut. A frame that may be whole is kept.
func (r *record) cutAt(cut *logtext.Line) {
	if r.part != partBacktrace {
		r.damageAt(cut, "a line is cut")
		return
	}
	f, form, rest, err := parseFrame(cut.Text)
	if err == nil && len(rest) == 0 && !form.offset && !form.bracket && cut.Indent < frameIndent && !isDigits(cut.Text) {
		return // a word after the record
	}
	r.damageAt(cut, "a frame is cut")
	if frame := (internFrame{f, form}); err == nil && form.offset && r.accepts(&frame, cut, true, rest) {
		r.push(r.intern.add(nil, frame), cut)
	}
}

// close notes what is missing when there are no more lines.
func (r *record) close() {
	last := &logtext.Line{Number: r.lastLine}
	switch {
	case len(r.carry.Text) > 0:
		r.cutAt(&r.carry.Line)
	case r.part == partHeader:
		r.damageAt(last, "the comm line is missing")
	case r.part == partDump && len(r.dump.data) < r.dump.want:
		r.damageAt(last, "the hex dump is cut")
	case r.part != partBacktrace:
		r.damageAt(last, "the backtrace is missing")
	case r.class().mixed():
		if n := len(r.trace.frames) - 1; r.intern.lines[r.trace.frames[n]].class&classUnsized != 0 {
			r.trace.frames = r.trace.frames[:n] // a part of a name is none
			r.damageAt(last, "a frame is cut")
		}
		r.damageAt(last, "the frames are not of one form")
	}
}

// class returns what the frames are, all together. Addresses count if the first has one:
// what stands before others may be a person's.
func (r *record) class() (c frameClass) {
	for _, i := range r.trace.frames {
		c |= r.intern.lines[i].class
	}
	c &^= classBracket
	if r.trace.form.bracket && c&classPlain != 0 {
		c |= classBracket | classBare
	}
	return c
}

// result returns the leak of a record that is closed.
func (r *record) result() (Leak, error) {
	if r.dump.read && (len(r.dump.data) > 0 || r.dump.want == 0) {
		r.leak.Data = r.intern.copyData(r.dump.data)
	} else {
		r.leak.CPU = 0
	}
	r.leak.Backtrace = r.intern.stack(r.trace.frames)
	return r.leak, r.damage
}
