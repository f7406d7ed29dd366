// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"slices"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// take reads one item at the start of a line, which is not empty, and returns the text
// behind it. If used is false there is none. first says that it is the first item of
// the line.
func (r *record) take(l *logtext.Line, first bool) (rest []byte, used bool) {
	b := l.Text
	switch b[0] {
	case 'c':
		if isComm(b) && (len(b) == 4 || b[4] == ' ' || b[4] == '"' || b[4] == '\t') {
			return r.takeComm(l)
		}
	case 'h', 'H':
		n, perCPU, cpu, rest, ok, short := parseHexHeader(b)
		if short && r.part < partDump {
			return r.keep(l)
		}
		if ok {
			r.ledger.taken.lines++
			if r.part >= partDump {
				return r.another(l, "a second hex dump")
			}
			r.needComm(l)
			r.part, r.dump.want, r.dump.read = partDump, n, true
			if perCPU {
				r.leak.PerCPU, r.leak.CPU = true, cpu
			}
			return rest, true
		}
	case 'b', 'B':
		if b[0] == 'B' && r.part == partBacktrace {
			break
		}
		crc, hasCRC, rest, ok, short := parseBacktraceHeader(b)
		if short && r.part < partBacktrace {
			return r.keep(l)
		}
		if !ok {
			break
		}
		if hasCRC {
			r.ledger.taken.lines++
		}
		switch {
		case r.part == partBacktrace: // its frames are those of a record whose header is lost
			r.another(l, "a second backtrace")
			r.trace.printed, r.mixed = 0, false
			return rest, true
		case r.part == partDump && len(r.dump.data) < r.dump.want:
			r.damageAt(l, "the hex dump is cut")
		}
		r.needComm(l)
		r.part = partBacktrace
		if hasCRC {
			r.leak.Checksum = r.intern.checksum(Checksum(crc))
		}
		return rest, true
	}
	if r.part != partBacktrace && r.part != partHeader && l.Number == r.lastLine+1 && isBracketFrame(b) {
		r.damageAt(l, "the line before the backtrace is missing")
		r.part = partBacktrace
	}
	switch r.part {
	case partComm:
		if s := (logtext.Scan{Rest: b}); (s.Lit("(age") || s.Short) && r.leak.Age == 0 { // wrapped
			var ok bool
			if r.leak.Age, ok = parseAge(&s); ok {
				return s.Rest, true
			}
			if s.Short {
				return r.keep(l)
			}
		}
	case partDump:
		return r.takeRow(l, first)
	case partBacktrace:
		return r.takeFrame(l, first)
	}
	return b, false
}

// behindChars returns what follows the characters of a row at the start of b: another
// row or the next line of the record; nil if b starts with something else.
func behindChars(b []byte) []byte {
	if data, rest := parseHexRow(nil, b, rowLen); len(data) >= rowLen/2 || len(rest) == 0 {
		return nil
	}
	for i := 1; i < min(len(b), rowLen+1); i++ {
		rest := logtext.TrimLeft(b[i:])
		data, after := parseHexRow(nil, rest, rowLen)
		if logtext.IsBlank(b[i]) && (bytes.HasPrefix(rest, []byte("backtrace")) || len(data) >= rowLen/2 || len(data) > 0 && len(after) == 0) {
			return rest
		}
	}
	return nil
}

func (r *record) takeComm(l *logtext.Line) (rest []byte, used bool) {
	b := l.Text
	c, rest, ok, short := parseComm(b)
	if !ok { // somebody may have removed the pid
		if c, rest, ok, _ = parseComm(bytes.Replace(b, []byte(`", jiffies`), []byte(`", pid 0, jiffies`), 1)); ok {
			r.damageAt(l, "the pid is missing")
		}
	}
	switch {
	case !ok && short && r.part == partHeader && len(b) < 200:
		r.carried = !l.Bare
		return r.keep(l)
	case !ok || len(c.comm) > commLen && bytes.IndexByte(c.comm, '\n') >= 0: // not one name
		return b, false
	}
	r.ledger.taken.lines++
	switch n := len(c.comm); {
	case n > 1 && c.comm[0] == '\\' && c.comm[n-1] == '"':
		r.damageAt(l, "the name of the thread has marks of an escape")
	case n > 2 && c.comm[0] == '"' && c.comm[n-1] == '"': // a table of values with commas
		r.damageAt(l, "the quotes of the thread's name are doubled")
		c.comm = c.comm[1 : n-1]
	case bytes.IndexByte(b[:len(b)-len(rest)], '"') < 0 && bytes.IndexByte(c.comm, ' ') >= 0:
		r.damageAt(l, "the name of the thread is of several words without quotes")
	}
	if r.part != partHeader {
		return r.another(l, "a second comm line")
	}
	r.part, r.carrier.Quotes = partComm, min(r.carrier.Quotes, l.Carrier.Quotes)
	c.store(&r.leak, r.intern.bytesName(c.comm))
	return rest, true
}

func (r *record) takeRow(l *logtext.Line, first bool) (rest []byte, used bool) {
	b, d := l.Text, &r.dump
	have := len(d.data)
	if d.noChars && (have%rowLen == 0 || have == d.want) {
		// Characters that a mailer has put on a line of their own, or a short row.
		rest, short := behindChars(b), min(rowLen, d.want-have)
		row, after := parseHexRow(d.data, b, short)
		if rest != nil || len(b) <= rowLen && (short == 0 || len(row)-have < short || len(after) > 0) {
			d.noChars = false
			return rest, true
		}
	}
	if have >= d.want {
		if isHexRow(b) {
			r.damageAt(l, "the hex dump is too long")
		}
		return b, false
	}
	inRow := have % rowLen
	row, rest := parseHexRow(d.data, b, rowLen)
	got := len(row) - have
	if n := d.want - have; got == min(rowLen, n)-1 && len(rest) > 2 && logtext.HexDigit(rest[0]) < 16 && logtext.HexDigit(rest[1]) < 16 && !logtext.IsBlank(rest[2]) {
		// The characters touch the last byte.
		row, rest = parseHexRow(row, slices.Concat(rest[:2], []byte(" "), rest[2:]), 1)
		got++
	}
	if got == 0 || got < 2 && inRow == 0 && d.want-have > 1 && first && len(rest) > 0 {
		return b, false
	}
	if limit := min(rowLen-inRow, d.want-have); got > limit {
		row, rest = parseHexRow(d.data[:have], b, limit)
		if got = limit; !isChars(rest, row[have:]) {
			r.damageAt(l, "the hex dump is too long")
		}
	}
	d.data = row
	if got >= rowLen/2 {
		r.ledger.taken.lines++
	}
	chars := logtext.TrimLeft(rest)
	d.noChars = len(chars) == 0
	if len(chars) <= rowLen {
		return nil, true
	}
	// A flattened paragraph: characters are as many as bytes, but for blanks.
	if rest := behindChars(chars); rest != nil {
		return rest, true
	}
	return chars[min(len(chars), got+inRow):], true
}
