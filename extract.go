// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// Extract finds the leaks in any text: dmesg, journal, syslog, serial console,
// logcat, logs with a JSON object in each line, mail with quotes and wrapped lines,
// web pages, output of tools that decode stacks. Other lines are passed over. Text
// of one record and lines of others may be mixed, as long as time stamps, callers or
// hosts in the lines tell them apart.
//
// A record that is cut or damaged is returned as far as it was read, with a
// [*ParseError] beside it that names the line, and the iteration goes on. A record is
// also damaged if a person left out lines and wrote "...", if the log says that it lost
// lines before the next record, if a thread's name goes over several lines and has what
// mail and terminals add, and if a line behind it belongs to a report but to no record
// and to no other stack that the text announces. A cut that leaves well-formed lines
// cannot be seen.
//
// A record without a header is dropped. If its lines directly follow another record, they
// are attached to that one and it is marked damaged; otherwise they are an error of their
// own.
//
// With an error beside the zero Leak there is no leak to use. The error is a *ParseError
// for lines of a record whose header is lost, a [*Notice] if the text contradicts an answer
// of "no leaks", [ErrNoReport] at the end of a text that has nothing of kmemleak, or the
// error of r, at the end.
//
// Leaks come in the order in which their records end. The iterator can be used
// once; its memory does not depend on the length of the text. Leaks may share
// Backtraces as with [ParseSeq].
func Extract(r io.Reader) iter.Seq2[Leak, error] {
	return func(yield func(Leak, error) bool) {
		x := &extractor{in: logtext.NewText(r, &subject), intern: newInternTable(), now: new(logtext.Line), yield: yield}
		for !x.stopped && x.next() {
		}
		if x.suspected.Count -= x.objects; x.suspected.Count > 0 {
			x.tell(&x.suspected)
		}
		if err := x.in.Err(); err != nil {
			x.tell(fmt.Errorf("line %d: %w", x.now.Number+1, err))
		} else if !x.told && x.objects == 0 {
			x.tell(ErrNoReport)
		}
	}
}

// An extractor finds records in lines. It alone opens and ends them.
type extractor struct {
	in     *logtext.Text
	now    *logtext.Line // the line that is read, with its carrier
	intern *internTable
	header headerStart // the line before, if it is the start of a header

	open []*record // being read, oldest first
	last *record   // the one that took the last line, if it is open
	free []*record

	yield   func(Leak, error) bool
	stopped bool // yield has returned false

	ledger    ledger
	objects   int    // objects that were handed out
	suspected Notice // leaks that the kernel counts, and the last line that does
	told      bool   // something was said beside the leaks
}

const (
	maxOpen = 16      // records that are open at a time
	maxIdle = 1 << 10 // lines without one for an open record
)

// next takes a line, in which a record may start anywhere. It reports whether there
// was one.
func (x *extractor) next() (ok bool) {
	if len(x.open) > 0 && x.now.Number-x.open[0].lastLine > maxIdle {
		x.end(x.open[0])
	}
	if x.now, ok = x.in.Next(); !ok {
		if start := x.header; len(start.Text) > 0 && !start.weak {
			x.beginDamaged(start, "")
		}
		x.endOpen()
		return false
	}
	x.ledger.whole, x.ledger.taken = false, account{}
	b, header := x.read()
	if !x.ledger.whole {
		x.notice(b)
	}
	x.settle(b, header)
	return true
}

// notice tells of what a line says of the search and of the log. No record goes on behind
// the beginning of another boot.
func (x *extractor) notice(b []byte) {
	if subject.StartsBoot(b) {
		x.endOpen()
	}
	n := noticeIn(b)
	if n == nil {
		return
	}
	n.Line, n.Text = x.now.Number, clip(logtext.Trim(b))
	switch n.Kind {
	case NoticeSuspected:
		n.Count += min(x.suspected.Count, math.MaxInt32-n.Count)
		x.suspected = *n
		return
	case NoticeLost:
		for _, r := range x.open {
			if !r.closed {
				r.damageAt(x.now, "lines of the log are lost after it")
			}
		}
	}
	x.tell(n)
}

// tell yields what is said beside the leaks.
func (x *extractor) tell(err error) {
	x.told = true
	x.stopped = x.stopped || !x.yield(Leak{}, err)
}

// read takes the line that is read and returns it. header says that it may have a line
// of a record that no record is open for.
func (x *extractor) read() (b []byte, header bool) {
	if start := x.header; len(start.Text) > 0 {
		x.header.Text = nil
		if x.wrappedHeader(start) {
			return x.now.Text, true
		}
	}
	b = x.now.Text
	at, weak := -1, false
	rare := bytes.IndexByte(b, 'j') >= 0 // it is in "object" and "jiffies"
	if rare {
		b = oneBlank(b)
		at, weak = findHeader(b)
	}
	if at < 0 {
		if word := x.firstWord(b); !word && len(x.open) > 0 {
			x.body(b)
		}
		return b, rare
	}
	start := headerAt(x.now, b, at)
	start.weak = weak
	if at > 0 && len(x.open) > 0 {
		x.body(b[:at]) // the rest of a line without end
		x.settle(b[:at], true)
		x.ledger.whole, x.ledger.taken = false, account{}
	}
	x.records(start, len(start.learned) == 0)
	x.firstWord(b)
	return b[at:], true
}

// firstWord keeps the first words of a header at the end of a line, which may be cut. It
// reports whether the line has nothing else.
func (x *extractor) firstWord(b []byte) bool {
	t := logtext.TrimRight(b)
	if len(t) == 0 || strings.IndexByte(anchor, t[len(t)-1]) < 0 {
		return false // nearly every line
	}
	at := bytes.LastIndexAny(t, "uU")
	if at < 0 || !bytes.HasPrefix([]byte(anchor), t[at+1:]) {
		return false
	}
	start := headerAt(x.now, t, at)
	x.header = start.clone()
	_, before := subject.Strip(t[:at])
	return len(logtext.Trim(before)) == 0 && len(start.Text) > len("unref") // else it may be another word
}

// records takes text that starts with a header: a line, or a flattened paragraph
// with more records in it. alone says that nothing but its carrier stood before it.
func (x *extractor) records(start headerStart, alone bool) {
	for b := start.Text; len(b) > 0; alone = false {
		start.Text = b
		if next, weak := findHeader(b[len(anchor):]); next >= 0 && !weak {
			start.Text = b[:len(anchor)+next]
		}
		b = b[len(start.Text):]
		var l Leak
		if rest, ok, _ := parseHeader(start.Text, &l); ok {
			x.begin(l, start, rest, "")
			x.ledger.whole = x.ledger.whole || alone && len(logtext.Trim(rest)) == 0
		} else {
			x.header = start.clone()
		}
	}
}

// wrappedHeader takes the line after the start of a header. It reports whether it
// has used it.
func (x *extractor) wrappedHeader(start headerStart) bool {
	_, text := subject.Strip(logtext.StripLike(x.now.Text, start.learned))
	text = logtext.Trim(text)
	joined := append(append(logtext.TrimRight(start.Text), ' '), text...)
	var l Leak
	_, ok, short := parseHeader(joined, &l)
	if !ok && !short { // wrapped by a terminal
		joined = append(bytes.Clone(start.Text), text...)
		_, ok, short = parseHeader(joined, &l)
	}
	switch {
	case ok:
		start.Text, start.Number, start.weak = joined, x.now.Number, false
		x.records(start, false)
		return true
	case len(text) == 0 && x.now.Number-start.Number <= 1 && (x.last == nil || len(x.last.carry.Text) == 0):
		x.header = start // there is an empty line after each
		return true
	case short && len(text) > 0 && len(joined) < 100 && (len(x.open) == 0 || bytes.Contains(start.Text, []byte(anchor))): // else it is a doubt about the open one
		start.Text = bytes.Clone(joined)
		x.header = start
		return true
	}
	if startsBody(text) {
		x.beginDamaged(start, " ")
	} else if r := x.nearest(start.Carrier); x.ledger.owed.lines > 0 { // what follows may be whole
		x.ledger.owed = account{}
		if r != nil {
			r.damageAt(&start.Line, "the header of another record is cut")
		} else {
			x.orphan(&start.Line)
		}
	}
	return false
}

// beginDamaged opens a record with what can be read of its header, if there is
// anything. behind follows the header: nothing where the text ends.
func (x *extractor) beginDamaged(start headerStart, behind string) {
	if l, rest, ok := damagedHeader(start.Text); ok {
		x.begin(l, start, rest, "the header is damaged")
		return
	}
	var l Leak
	if parseHeader(append(start.Text, behind...), &l); l.Addr != 0 {
		x.begin(l, start, nil, "the size of the object is missing")
	}
}

// begin opens a record with the rest of the line of its header. It ends the one
// before it from the same source. damage is what the header has, "" if it is whole.
func (x *extractor) begin(l Leak, start headerStart, rest []byte, damage string) {
	announced, elsewhere := logtext.Carrier{}, false
	if r := x.from(start.Carrier.Source); r != nil {
		elsewhere, announced = r.elsewhere && r.announced != start.Carrier, r.announced
		x.end(r)
	}
	if len(x.open) >= maxOpen {
		x.end(x.open[0])
	}
	if x.intern.full() {
		var used [][]uint32
		for _, r := range x.open {
			used = append(used, r.trace.frames)
		}
		x.intern.reset(used...)
	}
	x.ledger.taken.lines++
	if len(x.free) == 0 {
		x.free = append(x.free, new(record))
	}
	r := x.free[len(x.free)-1]
	x.free = x.free[:len(x.free)-1]
	*r = record{
		intern: x.intern, ledger: &x.ledger, leak: l, carrier: start.Carrier, learned: append(r.learned[:0], start.learned...), base: start.Indent,
		lastLine: x.now.Number, width: start.Width, elsewhere: elsewhere, announced: announced,
		carry: carry{Line: logtext.Line{Text: r.carry.Text[:0]}}, dump: dump{data: r.dump.data[:0]}, trace: trace{frames: r.trace.frames[:0]},
	}
	x.open = append(x.open, r)
	if damage != "" {
		r.damageAt(&start.Line, damage)
	}
	line := *x.now
	x.judge(r, r.more(&line, rest))
}

// body takes text that may belong to an open record.
func (x *extractor) body(b []byte) {
	l := *x.now
	l.Carrier, l.Text = subject.Strip(b)
	r := x.last
	if r != nil && r.lastLine == l.Number && l.Carrier == (logtext.Carrier{}) {
		l.Carrier = r.carrier // of the same line of input
	}
	if r == nil || l.Carrier.Source != 0 || l.Carrier.Timed || len(r.carry.Text) == 0 && (l.Carrier.Tagged || r.lastLine != l.Number-1) { // else it may be the rest of a wrapped line
		if r = x.from(l.Carrier.Source); r == nil || r.closed {
			return
		}
	}
	if isComm(r.carry.Text) && !r.carried {
		l.Text = b // the name may hold what looks like a carrier
	} else {
		r.stripLearned(&l)
	}
	l.Bare = len(l.Text) == len(b)
	x.judge(r, r.line(&l))
}

// judge closes a record that has ended. What follows may tell that it has not.
func (x *extractor) judge(r *record, ended bool) {
	x.last = r
	if ended {
		r.closed, x.last = true, nil
		r.close()
	}
}

// end hands a record out.
func (x *extractor) end(r *record) {
	x.open = slices.DeleteFunc(x.open, func(o *record) bool { return o == r })
	if x.last == r {
		x.last = nil
	}
	if !r.closed {
		r.close()
	}
	x.objects += r.leak.Objects()
	x.stopped = x.stopped || !x.yield(r.result())
	x.free = append(x.free, r)
}

func (x *extractor) endOpen() {
	for len(x.open) > 0 {
		x.end(x.open[0])
	}
}

// settle closes the account of the line that was read.
func (x *extractor) settle(b []byte, header bool) {
	if x.ledger.whole {
		x.ledger.owed = account{}
		return
	}
	if len(x.open) == 0 && !header && x.ledger.owed == (account{}) {
		return
	}
	c, text := subject.Strip(b)
	r := x.nearest(c)
	named := r != nil && r.closed && r.like(text)
	text = logtext.Trim(text)
	_, _, position := cutPosition(text) // alone in its line
	if bytes.HasPrefix(text, []byte("Object 0x")) {
		x.ledger.object = x.now.Number
	}
	if r != nil && len(text) > 0 && (x.ledger.object == x.now.Number || logtext.AnnouncesStack(b) || string(text) == "backtrace:") {
		r.elsewhere, r.announced = true, c
	}
	owed, before := items(text), x.ledger.owed
	x.ledger.owed = account{}
	if named || position && logtext.IndexBlank(text) == len(text) && text[len(text)-1] != ':' {
		owed.frames++
	}
	if r != nil && r.elsewhere && r.announced.Timed == c.Timed {
		owed.frames = 0
	}
	if x.ledger.object > 0 && x.now.Number-x.ledger.object < 4 {
		owed.lines = 0
	}
	mine := r != nil && (len(r.carry.Text) == 0 || r.lastLine == x.now.Number) // else the line that is carried goes on behind this one
	if mine {
		before, r.owed = before.and(r.owed), account{}
	}
	owed = owed.and(before).less(x.ledger.taken)
	switch {
	case owed == account{}:
	case mine && len(r.carry.Text) > 0:
		r.owed = owed
	case len(x.header.Text) > 0:
		x.ledger.owed = owed
	case r != nil:
		r.damageAt(&logtext.Line{Text: b, Number: x.now.Number}, "what follows it is in no record")
	case owed.lines > 0:
		x.orphan(&logtext.Line{Text: text, Number: x.now.Number})
	}
}

// orphan tells of a line of a record that has no header, or none that can be read.
func (x *extractor) orphan(l *logtext.Line) {
	x.tell(&ParseError{Line: l.Number, Text: clip(l.Text), Err: formatErrorf("a record without a header that can be read")})
}

// nearest returns the last record from the source of a line, nil if there is none. A line
// that does not name its source may be of any.
func (x *extractor) nearest(c logtext.Carrier) *record {
	if r := x.from(c.Source); r != nil || c.Source != 0 || len(x.open) == 0 {
		return r
	}
	return x.open[len(x.open)-1]
}

// from returns the record of a source, of which there is one at most, nil if there is none.
func (x *extractor) from(source uint64) *record {
	for _, r := range x.open {
		if r.carrier.Source == source {
			return r
		}
	}
	return nil
}
