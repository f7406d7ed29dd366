// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"slices"
	"strings"
)

// A record is one that an extractor has found the header of and now reads, line by
// line, until something else comes. Lines that fit nowhere are passed over; lines
// that should be there and are not are its damage.
type record struct {
	x        *extractor
	leak     Leak
	carrier  carrier
	learned  []byte // what stood before the header and may stand before the other lines
	lastLine int    // number of the last line that was used
	part     recordPart
	damage   *ParseError // the first

	carry        []byte // line that ended too early
	carryLine    int
	carryIndent  int
	carryChanged bool // the cleaner has changed it
	commCarrier  bool // the comm line had a carrier

	data    []byte
	want    int  // bytes that the hex dump announced
	noChars bool // the last row had no characters
	dumped  bool
	hasComm bool

	frames  []uint32 // indexes in x.intern
	printed int      // frames that are not inlined
	form    frameForm
	indent  int  // of the frames
	gap     bool // something else stood after the last frame
	mixed   bool // lines of a record without header are being read
	spaced  bool // there is an empty line between all lines
	others  int  // lines that fit nowhere since the last that did
	bare    bool // the current line has no carrier
	timed   bool // it has a time stamp
	closed  bool
	base    int  // indentation of the header
	blank   bool // an empty line stood after the last frame
	colon   bool // the last foreign line ends in one
	joined  bool // the line is made of several, or cannot go on
	carries int  // lines in carry
}

// A recordPart says which line of the record was the last.
type recordPart uint8

const (
	partHeader recordPart = iota
	partComm
	partDump
	partBacktrace
)

func (r *record) reset(x *extractor, l Leak, c carrier, learned []byte) {
	*r = record{
		x: x, leak: l, carrier: c, learned: append(r.learned[:0], learned...), lastLine: x.in.line,
		carry: r.carry[:0], data: r.data[:0], frames: r.frames[:0],
	}
}

// damageAt notes the first damage.
func (r *record) damageAt(line int, text []byte, cause string) {
	if r.damage == nil {
		r.damage = &ParseError{
			Line: line, Text: clip(trimBlanks(text)),
			Err: formatErrorf("record of object 0x%x: %s", r.leak.Addr, cause),
		}
	}
}

// stripLearned removes what stood before the header, too, and the carrier behind it.
func (r *record) stripLearned(text []byte, c *carrier) []byte {
	if len(r.learned) == 0 {
		return text
	}
	t := stripLike(text, r.learned)
	if len(t) == len(text) {
		return text
	}
	inner, text := stripCarrier(t)
	c.tagged = c.tagged || inner.tagged
	return text
}

// more takes the rest of a line, if there is any.
func (r *record) more(b []byte) {
	if b = trimBlanks(b); len(b) > 0 {
		r.text(b)
	}
}

// text takes the kernel's part of a line.
func (r *record) text(b []byte) {
	if len(trimBlanks(b)) == 0 {
		r.empty()
		return
	}
	indent := indentation(b)
	if r.blank {
		r.blank = false
		if !r.resumes(b, indent) {
			r.x.finish(r)
			return
		}
	}
	first := true
	for b = trimEnds(b); len(b) > 0; first = false {
		rest, used := r.take(b, indent, first)
		if r.closed {
			r.x.finish(r)
			return
		}
		if !used {
			if first {
				r.other(b, indent)
			} else if r.part == partBacktrace && isInlineStart(b) {
				r.keep(b, 0)
				r.lastLine = r.x.in.line
			}
			return
		}
		r.lastLine = r.x.in.line
		r.others = 0
		b = trimBlanks(rest)
	}
}

// trimEnds removes blanks around b, but for those at the end of a comm line, which
// may be in a name that has a line end in it.
func trimEnds(b []byte) []byte {
	b = trimLeft(b)
	if isComm(b) {
		return b
	}
	return trimRight(b)
}

// empty takes an empty line. Records have none, but mail programs put one after each
// line.
func (r *record) empty() {
	switch {
	case r.timed:
		r.lastLine = r.x.in.line // the rest may have been wrapped
	case r.part == partHeader:
		r.spaced = true
	case len(r.frames) > 0 && !r.spaced:
		r.blank = true
	}
}

// resumes reports whether the line after an empty one goes on with the backtrace.
func (r *record) resumes(b []byte, indent int) bool {
	if r.mixed || r.gap || indent != r.indent || r.printed >= 16 {
		return false
	}
	f, form, rest, err := parseFrame(b)
	whole := form.offset && form.size || form.number && f.Addr>>28 != 0
	return err == nil && whole && form.bracket == r.form.bracket && r.form.offset && !isProse(rest)
}

// other takes a line that is no part of the record.
func (r *record) other(b []byte, indent int) {
	r.others++
	r.colon = b[len(b)-1] == ':'
	direct := r.part == partBacktrace && !r.gap && !r.mixed
	switch {
	case direct && len(r.frames) > 0 && (bytes.HasPrefix(b, []byte("Call Trace:")) || bytes.HasPrefix(b, []byte("Call trace:"))):
		r.x.finish(r)
		return
	case bytes.HasPrefix(b, []byte("... and ")) && bytes.Contains(b, []byte("more object")):
		r.damageAt(r.x.in.line, b, "more objects with the same backtrace are not printed")
		r.lastLine = r.x.in.line
	case isEllipsis(b):
		r.damageAt(r.x.in.line, b, "lines are left out")
		r.lastLine = r.x.in.line
		r.gap = r.gap || len(r.frames) > 0
	case r.part == partComm && isHexRow(b):
		r.damageAt(r.x.in.line, b, "the line before the hex dump is missing")
		r.lastLine = r.x.in.line
	case r.part == partBacktrace && !r.gap && isHexRow(b):
		r.damageAt(r.x.in.line, b, "a second hex dump")
		r.lastLine, r.mixed = r.x.in.line, true
	case r.part == partBacktrace && bytes.HasPrefix(b, []byte("0x")) && bytes.Contains(b, []byte(" (size ")):
		r.damageAt(r.x.in.line, b, "the header of another record is cut")
		r.lastLine, r.gap, r.mixed = r.x.in.line, false, true
	case bytes.HasPrefix(b, []byte("Object ")) && r.part == partBacktrace, // the answer to dump=
		r.part == partHeader && !r.carrier.timed && (r.spaced || r.others > 2),
		r.others > maxOthers:
		r.x.finish(r)
	case direct && (hasOffset(b) || indent >= frameIndent && indent > r.base && (indent == r.indent || len(r.frames) == 0)):
		r.damageAt(r.x.in.line, b, "a line of the backtrace is not a frame")
		r.gap = len(r.frames) > 0
	case len(r.frames) > 0 && !r.mixed:
		r.gap = true
	}
}

// maxOthers is the number of lines of others, not told apart by their carriers,
// that may stand between two lines of a record.
const maxOthers = 32

func isHexRow(b []byte) bool {
	data, _ := parseHexRow(nil, b, rowLen)
	return len(data) >= rowLen/2
}

func isEllipsis(b []byte) bool {
	t := bytes.Trim(b, "[]<>(){}*~-/ \t")
	if bytes.HasPrefix(t, []byte("... skip")) || bytes.HasPrefix(t, []byte("... ")) && bytes.Contains(t, []byte(" skipped")) || bytes.HasSuffix(t, []byte("lines omitted")) || string(t) == "8" && len(b) > 4 {
		return true // "-----8<-----"
	}
	return len(t) > 0 && (len(bytes.Trim(t, ".")) == 0 && len(t) >= 2 || string(t) == "snip" || string(t) == "\u2026" ||
		string(t) == "cut" || string(t) == "truncated")
}

// continued takes the line after one that ended too early.
func (r *record) continued(b []byte) {
	carry, line, indent := r.carry, r.carryLine, r.carryIndent
	lines := r.carries
	changed := r.carryChanged || r.x.clean.changed
	seps := []string{" "}
	if isComm(carry) && !(r.commCarrier && r.bare) {
		seps = []string{"\n", " "} // a name with a line end in it, or a wrapped line
	}
	if r.bare && indent > 0 && len(b) > 0 && !isBlank(b[0]) {
		seps = append(seps, "") // wrapped by a terminal, which cuts words
	}
	const most = 4 // lines of a frame
	inTrace, frames, printed, damage := r.part == partBacktrace, len(r.frames), r.printed, r.damage
	_, name, _, err := parseFrame(carry)
	again := -1 // 0 if the line needs still more with the first separator
	for i, sep := range seps {
		before, after := carry, b
		if sep == " " {
			before, after = trimRight(carry), trimBlanks(b)
		}
		joined := slices.Concat(before, []byte(sep), after)
		r.carry = nil
		rest, used := r.take(trimEnds(joined), indent, true)
		if !used {
			continue
		}
		if inTrace && len(r.frames) > frames && len(rest) > 0 && (err == nil && name.offset || rest[0] == '[') {
			r.frames, r.printed, r.damage = r.frames[:frames], printed, damage // it was not the same line
			continue
		}
		if len(r.carry) > 0 {
			if !isName(carry) && (i < len(seps)-1 || again == 0) {
				again = 0
				continue
			}
			if r.part == partBacktrace && lines >= most {
				break
			}
			r.carries = lines + 1
			r.carryLine, r.carryChanged = line, changed
		} else {
			r.carry = carry[:0]
		}
		if changed {
			r.doubtName(joined)
		}
		r.lastLine = r.x.in.line
		r.more(rest)
		return
	}
	if again == 0 && (r.part != partBacktrace || lines < most) {
		r.carry = append(append(carry, seps[0]...), b...)
		r.carries = lines + 1
		r.carryChanged = changed
		r.lastLine = r.x.in.line
		return
	}
	// The line was cut. What came after it are lines of their own.
	r.carry = nil
	cut, lost, _ := bytes.Cut(carry, []byte{'\n'})
	r.cutAt(line, cut, indent)
	if isComm(carry) {
		r.hasComm = true // it is not missing
	}
	for l := range bytes.SplitSeq(slices.Concat(lost, []byte{'\n'}, b), []byte{'\n'}) {
		if len(l) > 0 && r.open() {
			r.text(l)
		}
	}
}

// cutAt notes that a line is cut. A frame that may be whole is kept.
func (r *record) cutAt(line int, b []byte, indent int) {
	if r.part != partBacktrace {
		r.damageAt(line, b, "a line is cut")
		return
	}
	_, form, _, err := parseFrame(b)
	if err == nil && !form.offset && !form.bracket && indent < frameIndent {
		return // a word after the record
	}
	r.damageAt(line, b, "a frame is cut")
	if err == nil && form.offset {
		r.joined = true
		r.takeFrame(b, indent, true)
		r.joined = false
	}
}

func (r *record) open() bool { return !r.closed && r.x.last == r }

// isComm reports whether b starts like a comm line, isName whether it ends within
// the name.
func isComm(b []byte) bool { return bytes.HasPrefix(trimLeft(b), []byte("comm")) }

func isName(b []byte) bool {
	b = trimLeft(b)
	return bytes.HasPrefix(b, []byte(`comm "`)) && !bytes.Contains(b[min(len(b), len(`comm "`)):], []byte(`",`))
}

// keep keeps a line that ended too early for the next line.
func (r *record) keep(b []byte, indent int) {
	r.carryIndent = indent
	r.carryLine = r.x.in.line
	r.carries = 1
	r.carryChanged = r.x.clean.changed
	r.carry = append(r.carry[:0], b...)
}

// doubtName notes that the name with a line end in it was changed by what undoes the
// marks of mail and terminals: they may be of the name.
func (r *record) doubtName(b []byte) {
	if strings.Contains(r.leak.Comm, "\n") {
		r.damageAt(r.carryLine, b, "the name of the thread may have been another")
	}
}

// result gives the leak when there are no more lines.
func (r *record) result() extracted {
	switch {
	case len(r.carry) > 0:
		r.cutAt(r.carryLine, r.carry, r.carryIndent)
	case !r.hasComm:
		r.damageAt(r.lastLine, nil, "the comm line is missing")
	case r.part == partDump && len(r.data) < r.want:
		r.damageAt(r.lastLine, nil, "the hex dump is cut")
	case r.part != partBacktrace:
		r.damageAt(r.lastLine, nil, "the backtrace is missing")
	}
	if r.dumped && (len(r.data) > 0 || r.want == 0) {
		r.leak.Data = r.x.intern.copyData(r.data)
	} else {
		r.leak.CPU = 0
	}
	r.leak.Backtrace = r.x.intern.stack(r.frames)
	return extracted{leak: r.leak, damage: r.damage}
}
