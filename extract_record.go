// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// A record is one whose header was found. It takes the lines that may be its own and
// says after each whether it has ended. Lines that fit nowhere are passed over; lines that
// should be there and are not are its damage.
type record struct {
	intern *internTable
	ledger *ledger
	leak   Leak
	damage error // a *ParseError, the first

	carrier logtext.Carrier // of the header
	learned []byte          // what stood before the header, and may stand before the other lines
	base    int             // indentation of the header

	lastLine int        // number of the last line that was used
	width    int        // of the widest line that was used
	part     recordPart // of that line
	left     bool       // there was more in that line
	reply    bool       // there are lines with fewer marks of quoted text
	mixed    bool       // lines of a record without header are being read
	closed   bool       // nothing that follows is of this record
	owed     account    // items of the lines that are carried, see ledger

	elsewhere bool            // frames of the same source are of another stack, which was announced
	announced logtext.Carrier // by a line like this

	carry   carry
	carried bool // the comm line had a carrier
	dump    dump
	trace   trace
	between between
}

// A ledger holds each line of the text against what records have taken of it. What a
// line has of a report and no record has taken is a doubt about the record before it.
type ledger struct {
	whole  bool    // one item was taken, and the line has nothing else
	taken  account // items of this line, as items counts them
	owed   account // items of the line of a header that goes on
	object int     // number of the last line that started the answer to dump=
}

// A recordPart says which line of the record was the last.
type recordPart uint8

const (
	partHeader recordPart = iota
	partComm
	partDump
	partBacktrace
)

// A carry is a line that ended too early and is to be joined with the next.
type carry struct {
	logtext.Line     // its Text is empty if there is none
	lines        int // that it is made of
}

// A dump is the hex dump, as far as it was read.
type dump struct {
	data    []byte
	want    int  // bytes that its first line announced
	read    bool // that line was there
	noChars bool // the last row had no characters
}

// A trace is the backtrace, as far as it was read.
type trace struct {
	frames  []uint32  // indexes in the intern table
	printed int       // frames that are not inlined
	form    frameForm // of the first, with what others have of offset and size
	indent  int       // of the first
	gap     bool      // something else stood after the last
}

// between is what stands between the lines of the record.
type between struct {
	others int  // lines that fit nowhere since the last that did
	colon  bool // the last of them ends in one
	spaced bool // there is an empty line between all lines
	blank  bool // there was one after the last frame
}

// damageAt notes the first damage.
func (r *record) damageAt(l *logtext.Line, cause string) {
	if r.damage == nil {
		r.damage = &ParseError{
			Line: l.Number, Text: clip(logtext.Trim(l.Text)),
			Err: formatErrorf("record of object 0x%x: %s", r.leak.Addr, cause),
		}
	}
}

// use notes that a line was used.
func (r *record) use(l *logtext.Line) {
	r.lastLine = l.Number
	r.width = max(r.width, l.Width)
}

// keep keeps a line that ended too early for the next line, and has so used all of it.
func (r *record) keep(l *logtext.Line) (rest []byte, used bool) {
	text := append(r.carry.Text[:0], l.Text...)
	r.carry = carry{Line: *l, lines: 1}
	r.carry.Text = text
	return nil, true
}

// another takes a line of a record whose header is lost. What follows directly is kept,
// for want of a better place; further down it is not of this record. Either is damage.
func (r *record) another(l *logtext.Line, what string) (rest []byte, used bool) {
	r.damageAt(l, what)
	r.closed = r.trace.gap
	r.mixed = true
	return nil, true
}

// needComm notes that l is not the comm line.
func (r *record) needComm(l *logtext.Line) {
	if r.part == partHeader {
		r.damageAt(l, "the comm line is missing")
	}
}

// stripLearned removes what stood before the header, too, and the carrier behind it.
func (r *record) stripLearned(l *logtext.Line) {
	if t := logtext.StripLike(l.Text, r.learned); len(t) < len(l.Text) {
		inner, text := subject.Strip(t)
		l.Carrier.Tagged = l.Carrier.Tagged || inner.Tagged
		l.Text = text
	}
}

// like reports whether b is a name alone, as the frames of the backtrace, and as far from the
// margin.
func (r *record) like(b []byte) bool {
	t := &r.trace
	if len(t.frames) < 2 || t.form != (frameForm{}) || t.indent < frameIndent || logtext.Indent(b) != t.indent || bytes.IndexByte(b, '_') < 0 {
		return false
	}
	_, form, rest, err := parseFrame(b)
	return err == nil && form == t.form && len(rest) == 0
}

// isComm reports whether b starts like a comm line, isName whether it ends within
// the name.
func isComm(b []byte) bool { return bytes.HasPrefix(logtext.TrimLeft(b), []byte("comm")) }

func isName(b []byte) bool {
	b = logtext.TrimLeft(b)
	return bytes.HasPrefix(b, []byte(`comm "`)) && !bytes.Contains(b[min(len(b), len(`comm "`)):], []byte(`",`))
}
