// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"math/bits"
	"strings"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// Parse reads a report: the content of the kernel's file, of any kernel since 2.6.31.
// For logs, mail and other text that contains reports, use [Extract].
//
// Parse is strict, so that an unknown line, such as one of a future kernel, cannot
// make leaks disappear: the error is a [*ParseError] with the number of the line. The
// leaks read before are returned with it; the last one is the record that contains
// the line, as far as it was read. Parse ignores what copying changes: the number of
// blanks at both ends of a line, carriage returns before line ends, blank lines
// between records, and the last line end. It accepts what decoding tools add to
// frames (see [ParseFrame]).
//
// The frames of one backtrace have to agree: none is indented less than the first,
// all names have a size or none has, all addresses have brackets or none has. Text
// that is cut inside its last line is an error if that shows; after a decimal number
// or the end of a size it may not.
//
// For an empty report, Parse returns no leaks and no error. Leaks may share
// backtraces, see [ParseSeq].
func Parse(r io.Reader) ([]Leak, error) {
	var leaks []Leak
	p := newParser(r)
	for {
		l, found, err := p.next()
		if found {
			leaks = append(leaks, l)
		}
		if !found || err != nil {
			return leaks, err
		}
	}
}

// ParseSeq is [Parse] as a stream: it needs the same small memory for a report of any
// length. The iterator can be used once. An error ends it. The leak that comes with
// the error is the record in which the error occurred, as far as it was read, or the
// zero Leak if the error is between records.
//
// Leaks with equal backtraces may share one Backtrace, which must not be modified.
func ParseSeq(r io.Reader) iter.Seq2[Leak, error] {
	return func(yield func(Leak, error) bool) {
		p := newParser(r)
		for {
			l, found, err := p.next()
			if !found && err == nil {
				return
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// A parser reads the kernel's file record by record.
type parser struct {
	in     *logtext.Reader
	intern *internTable
	line   []byte // the line that was read but not used, trimmed
	raw    []byte // the same with its blanks
	left   int    // bytes of blanks before line
	ok     bool   // there is such a line

	indexes []uint32 // scratch: frames of one record
	data    []byte   // scratch: its hex dump
	joined  []byte   // scratch: a comm line over several lines
}

func newParser(r io.Reader) *parser {
	p := &parser{in: logtext.NewReader(r), intern: newInternTable()}
	p.advance()
	return p
}

// advance goes to the next line.
func (p *parser) advance() {
	p.raw, p.ok = p.in.Next()
	p.line = logtext.TrimLeft(p.raw)
	p.left = len(p.raw) - len(p.line)
	p.line = logtext.TrimRight(p.line)
}

// unended reports whether the current line is the last and has no line end. A kernel
// ends every line, but a copy may lack the last line end and nothing else.
func (p *parser) unended() bool { return p.ok && !p.in.Ended() && !p.in.Long() }

// fail returns the error for the current line or, after the last, for the end.
func (p *parser) fail(cause string) error {
	if err := p.in.Err(); err != nil && p.unended() {
		return fmt.Errorf("line %d: %w", p.in.Number(), err)
	} else if err != nil && !p.ok {
		return fmt.Errorf("line %d: %w", p.in.Number()+1, err)
	}
	if !p.ok {
		return &ParseError{Line: p.in.Number(), Err: formatErrorf("%s, but the text ends", cause)}
	}
	return &ParseError{Line: p.in.Number(), Text: clip(p.raw), Err: formatErrorf("%s", cause)}
}

// next reads a record. If found is false and err nil the report has ended.
func (p *parser) next() (l Leak, found bool, err error) {
	for p.ok && len(p.line) == 0 && !p.in.Long() {
		p.advance()
	}
	if !p.ok {
		if p.in.Err() != nil {
			return l, false, p.fail("")
		}
		return l, false, nil
	}
	rest, ok, _ := parseHeader(p.line, &l)
	if !ok || p.line[0] != 'u' || len(rest) > 0 || p.in.Long() {
		return Leak{}, false, p.fail("expected unreferenced object (logs and mails are for Extract)")
	}
	p.advance()
	err = p.record(&l)
	return l, true, err
}

// record reads the lines after the header.
func (p *parser) record(l *Leak) error {
	c, err := p.comm()
	if err != nil {
		return err
	}
	c.store(l, p.intern.bytesName(c.comm))
	p.advance()

	n, perCPU, cpu, rest, ok, _ := parseHexHeader(p.line)
	if ok && len(rest) == 0 && p.line[0] == 'h' {
		if perCPU {
			l.PerCPU, l.CPU = true, cpu
		}
		p.advance()
		if l.Data, err = p.hexDump(n); err != nil {
			return err
		}
	}

	crc, hasCRC, rest, ok, _ := parseBacktraceHeader(p.line)
	if !ok || len(rest) > 0 || p.line[0] != 'b' {
		return p.fail("expected backtrace")
	}
	if hasCRC {
		l.Checksum = p.intern.checksum(Checksum(crc))
	}
	if p.unended() {
		return p.fail("the text is cut before the frames")
	}
	depth := logtext.Indent(p.raw)
	p.advance()
	l.Backtrace, err = p.backtrace(l, depth)
	return err
}

// comm reads the comm line. The name may contain line ends: then the line continues in
// the next ones, up to the greatest length of a name.
func (p *parser) comm() (commLine, error) {
	if !bytes.HasPrefix(p.line, []byte(`comm "`)) {
		return commLine{}, p.fail("expected comm, pid and jiffies")
	}
	c, rest, ok, short := parseComm(p.line)
	if ok && len(rest) == 0 && !p.in.Long() {
		return c, nil
	}
	err := p.fail("expected comm, pid and jiffies")
	if ok || !p.ok {
		return c, err
	}
	p.joined = append(p.joined[:0], logtext.TrimLeft(p.raw)...)
	for !ok && short && len(p.joined) <= len(`comm "`)+commLen && !p.in.Long() {
		raw, more := p.in.Next()
		if !more {
			return c, err
		}
		p.joined = append(append(p.joined, '\n'), raw...)
		c, rest, ok, short = parseComm(logtext.TrimRight(p.joined))
	}
	if !ok || len(rest) > 0 || len(c.comm) > commLen || p.in.Long() {
		return c, err
	}
	return c, nil
}

// hexDump reads the rows of n bytes.
func (p *parser) hexDump(n int) ([]byte, error) {
	p.data = p.data[:0]
	for len(p.data) < n {
		want := min(rowLen, n-len(p.data))
		before := len(p.data)
		var rest []byte
		p.data, rest = parseHexRow(p.data, p.line, want)
		if len(p.data)-before != want || isByte(rest) && !isChars(rest, p.data[before:]) {
			p.data = p.data[:before]
			return bytes.Clone(p.data), p.fail(fmt.Sprintf("expected %d bytes of the hex dump", want))
		}
		p.advance()
	}
	return p.intern.copyData(p.data), nil
}

var (
	errFrameDepth  = formatErrorf("not as deep as a frame of this backtrace")
	errFrameForm   = formatErrorf("not of the form of the frames before it")
	errFrameOffset = formatErrorf("the offset is beyond the size")
)

// backtrace reads frames up to the next record or the end. depth is the indentation
// of the line before them.
//
// A line of a future kernel may look like a frame: a word, a word and a number, or an
// address. So the frames of one backtrace have to agree with each other.
func (p *parser) backtrace(l *Leak, depth int) ([]Frame, error) {
	if p.intern.full() {
		p.intern.reset()
	}
	p.indexes = p.indexes[:0]
	var all frameClass
	left := 0 // blanks before the first frame
	for ; p.ok; p.advance() {
		if isHeader(p.line) || len(p.line) == 0 && !p.in.Long() {
			break
		}
		i, ok := p.intern.lookup(p.line)
		if !ok {
			f, form, err := p.frame()
			if err != nil {
				return p.intern.stack(p.indexes), p.fail(err.Error())
			}
			i = p.intern.add(p.line, internFrame{frame: f, form: form})
		}
		class := p.intern.lines[i].class
		all |= class
		var err error
		switch {
		case len(p.indexes) == 0:
			left = p.left
			if depth > 0 && class&(classSized|classBracket) == 0 && logtext.Indent(p.raw) <= depth {
				err = errFrameDepth
			}
			depth = logtext.Indent(p.raw)
		case p.left != left && logtext.Indent(p.raw) < depth:
			err = errFrameDepth
		case all.mixed():
			err = errFrameForm
		case len(p.indexes) >= maxDepth:
			err = fmt.Errorf("more than %d frames", maxDepth)
		}
		if err == nil && !p.in.Ended() && p.isCut(l, i) {
			err = errCutFrame
		}
		if err != nil {
			return p.intern.stack(p.indexes), p.fail(err.Error())
		}
		p.indexes = append(p.indexes, i)
	}
	frames := p.intern.stack(p.indexes)
	if !p.ok && p.in.Err() != nil {
		return frames, p.fail("")
	}
	return frames, nil
}

// frame reads the current line, which has to be a frame and nothing else.
func (p *parser) frame() (f Frame, form frameForm, err error) {
	if p.in.Long() || len(p.line) > maxFrame {
		return f, form, errNoFrame
	}
	f, form, rest, err := parseFrame(p.line)
	switch {
	case err != nil:
	case len(rest) > 0:
		err = errNoFrame
	case f.Func != "" && !form.bracket && !form.offset && !form.list && !f.Inlined:
		err = errNoFrame // one word may be anything
	case f.beyond():
		err = errFrameOffset
	}
	return f, form, err
}

// isCut reports whether the last line of a text that does not end with a line end
// cannot be a whole frame.
func (p *parser) isCut(l *Leak, i uint32) bool {
	f, form := p.intern.frames[i].frame, p.intern.frames[i].form
	if len(p.raw) > 0 && (p.raw[len(p.raw)-1] == ' ' || p.raw[len(p.raw)-1] == '\t') {
		return true // before the module
	}
	if form.number {
		width := 8
		if !l.PerCPU {
			width = max(width, hexLen(l.Addr))
		}
		for _, n := range p.indexes {
			if peer := p.intern.frames[n]; peer.form.number {
				width = max(width, hexLen(peer.frame.Addr))
			}
		}
		return p.line[len(p.line)-1] != ')' && hexLen(f.Addr) < width
	}
	if form.file || f.Inlined {
		return false
	}
	if !form.offset || !form.size || f.beyond() {
		return true // the offset is always within the size
	}
	if f.Module != "" {
		return false
	}
	size := fmt.Sprintf("%x", f.Size)
	for _, known := range p.intern.frames {
		k := known.frame
		if k.Func != f.Func || k.Offset != f.Offset {
			continue
		}
		if k.Size == f.Size && k.Module != "" || k.Size != f.Size && strings.HasPrefix(fmt.Sprintf("%x", k.Size), size) {
			return true
		}
	}
	return false
}

// hexLen is the number of hexadecimal digits of v.
func hexLen(v uint64) int { return max(1, (bits.Len64(v)+3)/4) }
