// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
)

// Extract finds the leaks in any text: dmesg, journal, syslog, serial console,
// logcat, logs with a JSON object in each line, mail with quotes and wrapped lines,
// web pages, output of tools that decode stacks. Other lines are passed over. Text
// of one record and lines of others may be mixed, as long as time stamps, callers or
// hosts in the lines tell them apart.
//
// A record that is cut or damaged is given as far as it was read, with a
// [*ParseError] beside it that names the line, and the iteration goes on. A record
// is damaged, too, if a person has left out lines and written "...", if the log says
// that it has lost some before the next record, if the kernel says that the record
// stands for more objects than one, and if a thread's name goes over several lines
// and has what mail and terminals add. What has no header has no address and is not
// given; frames of such a record that follow another one directly are given with
// that, which is damaged then. A cut that leaves well-formed lines cannot be seen.
// Any other error is that of r and ends the iteration; the Leak beside it is zero.
//
// Leaks come in the order in which their records end. The iterator can be used
// once; its memory does not depend on the length of the text. Leaks may share
// Backtraces as with [Leaks].
func Extract(r io.Reader) iter.Seq2[Leak, error] {
	return func(yield func(Leak, error) bool) {
		x := &extractor{in: newLineReader(r), intern: newInternTable()}
		for {
			raw, ok := x.in.next()
			if !ok {
				break
			}
			x.raw(raw)
			for _, d := range x.done {
				if !yield(d.leak, d.err()) {
					return
				}
			}
			x.done = x.done[:0]
		}
		x.finishAll()
		for _, d := range x.done {
			if !yield(d.leak, d.err()) {
				return
			}
		}
		if err := x.in.readError(); err != nil {
			yield(Leak{}, fmt.Errorf("line %d: %w", x.in.line+1, err))
		}
	}
}

// An extractor finds records in lines.
type extractor struct {
	in     *lineReader
	clean  cleaner
	intern *internTable
	free   []*record
	open   []*record // being read, oldest first
	last   *record   // the one that took the last line, if it is open
	done   []extracted

	base   int         // indentation of the last header
	header headerStart // the line before, if it is the start of a header
}

// extracted is a record that is complete or will not get more lines.
type extracted struct {
	leak   Leak
	damage *ParseError
}

func (e extracted) err() error {
	if e.damage == nil {
		return nil
	}
	return e.damage
}

// headerStart is the start of a header that a mailer has wrapped.
type headerStart struct {
	text    []byte
	line    int
	carrier carrier
	learned []byte
	weak    bool // no more than its address can be read
}

const (
	maxOpen = 16      // records that are open at a time
	maxIdle = 1 << 10 // lines without one for an open record
)

// raw takes a line of the input, which may hold several of the original.
func (x *extractor) raw(b []byte) {
	b, ok := x.clean.clean(b)
	if !ok {
		return
	}
	x.lines(b)
}

// lines takes what the cleaner has made of a line.
func (x *extractor) lines(b []byte) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		x.line(b[:i])
		b = b[i+1:]
	}
	x.line(b)
	if len(x.open) > 0 && x.in.line-x.open[0].lastLine > maxIdle {
		x.finish(x.open[0])
	}
}

// line takes one line of the original. A record may start anywhere in it.
func (x *extractor) line(b []byte) {
	if len(x.header.text) > 0 {
		start := x.header
		x.header.text = nil
		if x.wrappedHeader(start, b) {
			return
		}
	}
	b = oneBlank(b)
	at := findHeader(b)
	weak := at < 0
	if weak {
		at = findAddress(b)
	}
	if at < 0 {
		if len(x.open) > 0 && !x.interrupted(b) {
			x.body(b)
		}
		x.firstWord(b)
		return
	}
	c, before := stripCarrier(b[:at])
	x.base = indentation(before)
	if len(before) == 0 && at > 0 && bytes.IndexByte([]byte("+-*#%!:/"), b[at-1]) >= 0 {
		before = b[at-1 : at] // a mark without the blank that makes it a carrier
	}
	before = trimRight(before)
	if at > 0 && len(x.open) > 0 {
		x.body(b[:at]) // the rest of a line without end
		if r := x.last; r != nil && r.lastLine == x.in.line {
			before = r.learned
		}
	}
	x.records(b[at:], c, before, len(before) == 0)
	x.header.weak = weak
	x.firstWord(b)
}

// oneBlank gives b with one blank between the first two words of a header.
func oneBlank(b []byte) []byte {
	const word = "nreferenced"
	if bytes.IndexByte(b, 'j') < 0 {
		return b
	}
	i := bytes.Index(b, []byte(word))
	if i < 0 {
		return b
	}
	i += len(word)
	if t := trimLeft(b[i:]); bytes.HasPrefix(t, []byte("object ")) && len(b)-i-len(t) != 1 {
		return slices.Concat(b[:i], []byte(" "), t)
	}
	return b
}

// findAddress gives the index of a header of which no more than the address can be
// read, and which nothing but a carrier stands before, or -1. It is one if its lines
// follow.
func findAddress(b []byte) int {
	if bytes.IndexByte(b, 'j') < 0 {
		return -1
	}
	i := bytes.Index(b, []byte(anchor)) - 1
	var l Leak
	if i < 0 {
		return -1
	}
	if _, before := stripCarrier(b[:i]); len(trimBlanks(before)) > 0 {
		return -1
	}
	if parseHeader(b[i:], &l); l.Addr == 0 {
		return -1
	}
	return i
}

// startsBoot reports whether a line is the first that a kernel prints.
func startsBoot(b []byte) bool {
	_, text := stripCarrier(b)
	version, ok := bytes.CutPrefix(trimLeft(text), []byte("Linux version "))
	return ok && len(version) > 0 && version[0] >= '0' && version[0] <= '9'
}

// lost is what programs that keep logs say of lines that they do not have.
var lost = regexp.MustCompile(`\d+ printk messages dropped|Missed \d+ kernel messages|lost \d+ messages`)

// interrupted reports whether a line says that the log has a gap, or that another
// boot begins, which no record goes on behind.
func (x *extractor) interrupted(b []byte) bool {
	switch {
	case bytes.Contains(b, []byte("messages")) && lost.Match(b):
		for _, r := range x.open {
			r.damageAt(x.in.line, b, "lines of the log are lost after it")
		}
		return true
	case bytes.Contains(b, []byte("Linux version ")) && startsBoot(b), bytes.HasPrefix(b, []byte("-- Reboot --")), bytes.HasPrefix(b, []byte("-- Boot ")):
		for len(x.open) > 0 {
			x.finish(x.open[0])
		}
		return true
	}
	return false
}

// firstWord keeps the first word of a header at the end of a line.
func (x *extractor) firstWord(b []byte) {
	const word = "unreferenced"
	t := trimRight(b)
	if !bytes.HasSuffix(t, []byte(word[1:])) || len(t) < len(word) {
		return
	}
	c, before := stripCarrier(t[:len(t)-len(word)])
	x.keepHeader(t[len(t)-len(word):], c, trimRight(before))
}

// records takes text that starts with a header: a line, or a flattened paragraph
// with more records in it.
func (x *extractor) records(b []byte, c carrier, before []byte, start bool) {
	for len(b) > 0 {
		next := findHeader(b[len(anchor):])
		part := b
		if next >= 0 {
			part = b[:len(anchor)+next]
		}
		x.record(part, c, before, start)
		start = false
		b = b[len(part):]
	}
}

// findHeader gives the index of a header, or of the start of one at the end of a
// line, or -1.
func findHeader(b []byte) int {
	if bytes.IndexByte(b, 'j') < 0 { // rare, and quick to find
		return -1
	}
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(anchor))
		if i < 0 {
			return -1
		}
		i += from - 1
		from = i + 1 + len(anchor)
		if i < 0 || b[i] != 'u' && b[i] != 'U' {
			continue
		}
		var l Leak
		if _, ok, short := parseHeader(b[i:], &l); ok || short {
			return i
		}
		if _, _, ok := damagedHeader(b[i:]); ok {
			return i
		}
	}
}

// record takes a line that starts with a header.
// start says that nothing but its carrier stood before it.
func (x *extractor) record(b []byte, c carrier, learned []byte, start bool) {
	var l Leak
	rest, ok, short := parseHeader(b, &l)
	if !ok {
		x.keepHeader(b, c, learned)
		_, rest, damaged := damagedHeader(b)
		rest = trimBlanks(rest)
		if damaged && !short && (start || len(rest) > 0 && startsBody(rest)) { // else it may be a sentence
			x.beginDamaged(x.header)
			x.header.text = nil
		}
		return
	}
	x.begin(l, c, learned)
	x.last.more(rest)
}

func (x *extractor) keepHeader(b []byte, c carrier, learned []byte) {
	x.header = headerStart{
		text: append([]byte{}, b...), line: x.in.line, carrier: c, learned: append([]byte{}, learned...),
	}
}

// wrappedHeader takes the line after the start of a header. It reports whether it
// has used it.
func (x *extractor) wrappedHeader(start headerStart, b []byte) bool {
	_, text := stripCarrier(stripLike(b, start.learned))
	text = trimBlanks(text)
	joined := append(append(trimRight(start.text), ' '), text...)
	var l Leak
	_, ok, short := parseHeader(joined, &l)
	if !ok { // wrapped by a terminal
		hard := append(bytes.Clone(start.text), text...)
		if _, whole, _ := parseHeader(hard, &l); whole {
			joined, ok = hard, true
		}
	}
	switch {
	case ok:
		x.records(joined, start.carrier, start.learned, false)
		return true
	case len(text) == 0 && x.in.line-start.line <= 1 && (x.last == nil || len(x.last.carry) == 0):
		x.header = start // there is an empty line after each
		return true
	case short && len(text) > 0 && len(joined) < 100 && bytes.Contains(start.text, []byte(anchor)):
		start.text = append([]byte{}, joined...)
		x.header = start
		return true
	}
	// It is a record if its lines follow.
	if startsBody(text) {
		x.beginDamaged(start)
	}
	return false
}

// beginDamaged opens a record with what can be read of its header. It reports
// whether there was anything.
func (x *extractor) beginDamaged(start headerStart) bool {
	l, rest, ok := damagedHeader(start.text)
	cause := "the header is damaged"
	if !ok {
		l = Leak{}
		parseHeader(append(trimRight(start.text), ' '), &l)
		ok, rest, cause = l.Addr != 0, nil, "the size of the object is missing"
	}
	if !ok {
		return false
	}
	x.begin(l, start.carrier, start.learned)
	x.last.damageAt(start.line, start.text, cause)
	x.last.more(rest)
	return true
}

func startsBody(b []byte) bool {
	return bytes.HasPrefix(b, []byte(`comm "`)) || bytes.HasPrefix(b, []byte("hex dump (")) || bytes.HasPrefix(b, []byte("backtrace"))
}

// begin opens a record. It ends the one before it from the same source.
func (x *extractor) begin(l Leak, c carrier, learned []byte) {
	for i := 0; i < len(x.open); {
		if r := x.open[i]; r.carrier.source == c.source {
			x.finish(r)
		} else {
			i++
		}
	}
	if len(x.open) >= maxOpen {
		x.finish(x.open[0])
	}
	if x.intern.full() {
		x.reintern()
	}
	var r *record
	if n := len(x.free); n > 0 {
		r, x.free = x.free[n-1], x.free[:n-1]
	} else {
		r = new(record)
	}
	r.reset(x, l, c, learned)
	r.base = x.base
	x.open = append(x.open, r)
	x.last = r
}

// reintern starts the tables again with what the open records need.
func (x *extractor) reintern() {
	keep := make([][]internFrame, len(x.open))
	for n, r := range x.open {
		for _, i := range r.frames {
			keep[n] = append(keep[n], x.intern.frames[i])
		}
	}
	x.intern.reset()
	for n, r := range x.open {
		for m, f := range keep[n] {
			r.frames[m] = x.intern.add(nil, f)
		}
	}
}

// body takes a line that may belong to an open record.
func (x *extractor) body(b []byte) {
	c, text := stripCarrier(b)
	if r := x.last; r != nil && len(r.carry) > 0 && (c.source == r.carrier.source || c.source == 0 && !c.timed) {
		if isComm(r.carry) && !r.commCarrier {
			text = b // the name may hold what looks like a carrier
		} else {
			text = r.stripLearned(text, &c)
		}
		r.bare, r.timed = len(text) == len(b), c.timed
		r.continued(text)
		return
	}
	for i := len(x.open) - 1; i >= 0; i-- {
		r := x.open[i]
		if r.carrier.source != c.source && (r != x.last || c != carrier{} || r.lastLine != x.in.line-1) {
			continue // not even the rest of a wrapped line
		}
		text = r.stripLearned(text, &c)
		if c.timed && !r.carrier.timed || c.timed && r.carrier.tagged && !c.tagged {
			// The kernel's log between the lines of a report.
			if t := trimBlanks(text); r.part == partBacktrace && len(r.frames) == 0 && r.lastLine == x.in.line-1 && len(t) > 0 && isBracketFrame(t) {
				r.damageAt(x.in.line, t, "a frame has not the mark of the other lines")
			}
			return
		}
		r.bare, r.timed = len(text) == len(b), c.timed
		x.last = r
		r.text(text)
		return
	}
}

// finish gives a record out.
func (x *extractor) finish(r *record) {
	i := slices.Index(x.open, r)
	if i < 0 {
		return
	}
	x.open = slices.Delete(x.open, i, i+1)
	if x.last == r {
		x.last = nil
	}
	x.done = append(x.done, r.result())
	x.free = append(x.free, r)
}

// finishAll is for the end of the text.
func (x *extractor) finishAll() {
	if b := x.clean.rest(); len(b) > 0 {
		x.lines(b)
	}
	if start := x.header; len(start.text) > 0 {
		var l Leak
		parseHeader(start.text, &l)
		if l.Addr != 0 && !start.weak {
			x.begin(l, start.carrier, nil)
			x.last.damageAt(start.line, start.text, "the size of the object is missing")
		}
	}
	for len(x.open) > 0 {
		x.finish(x.open[0])
	}
}
