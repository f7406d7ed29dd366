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

// takeFrame reads a frame at the start of a line.
func (r *record) takeFrame(l *logtext.Line, first bool) (rest []byte, used bool) {
	b, t := l.Text, r.intern
	if len(r.trace.frames) >= maxDepth {
		r.damageAt(l, "too many frames")
		r.closed = true
		return nil, true
	}
	var f internFrame
	var err error
	i, known := t.lookup(b)
	if known {
		f = t.frames[i]
	} else if f.frame, f.form, rest, err = parseFrame(b); err != nil {
		if first && (err == errCutFrame || isOpenList(b) && len(r.trace.frames) > 0 && !r.trace.gap) {
			return r.keep(l)
		}
		if rest, used := r.takeTail(l); used || !first {
			return rest, used
		}
		if f.frame, f.form, rest, err = parseFrame(elided(b)); err == nil && len(rest) == 0 {
			r.damageAt(l, "numbers of a frame are left out")
			r.push(t.add(nil, f), l)
			return nil, true
		}
		var ok bool
		if f, ok = looseFrame(b); !ok {
			return b, false
		}
		rest = nil
	}
	if len(rest) > 0 && isAt(rest) {
		rest = nil
	}
	if isOpenList(rest) && first || len(rest) == 0 && r.isCutOff(&f, l.Indent, first) {
		return r.keep(l)
	}
	if !r.accepts(&f, l, first, rest) {
		var ok bool // the name may be an address without brackets
		if f, ok = looseFrame(b); !ok || !f.form.bracket || !first || !r.accepts(&f, l, first, nil) {
			return b, false
		}
		rest = nil
	}
	if !known {
		i = t.add(logtext.TrimRight(b[:len(b)-len(rest)]), f)
	}
	r.push(i, l)
	return rest, true
}

// isCutOff reports whether a frame on a line of its own has likely lost its end: the
// other frames have more than a name, or an offset but no size, or the offset is
// beyond the size.
func (r *record) isCutOff(f *internFrame, indent int, first bool) bool {
	form, t := f.form, &r.trace
	if !first || t.gap || form.file || f.frame.Module != "" || form.number {
		return false
	}
	if !form.offset {
		return t.form.offset && !form.bracket && (indent == t.indent || indent >= frameIndent)
	}
	return !form.size || f.frame.beyond()
}

// elided returns a frame without the numbers that a person has left out or shortened:
// "[<...>] f+0x..." is "f".
func elided(b []byte) []byte {
	if i := bytes.IndexByte(b, ']'); b[0] == '[' && i > 0 && bytes.Contains(b[:i], []byte("...")) {
		b = logtext.TrimLeft(b[i+1:])
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("/0x..."), nil), []byte("+0x..."), nil)
}

// isAt reports whether b is a position as addr2line writes it: "name at file:line",
// behind "(inlined by) " if there are more.
func isAt(b []byte) bool {
	b = logtext.TrimLeft(bytes.TrimPrefix(b, []byte("(inlined by)")))
	name, at, _ := bytes.Cut(b, []byte(" at "))
	_, _, ok := cutPosition(at[:logtext.IndexBlank(at)])
	return ok && len(name) > 0 && bytes.IndexByte(name, ' ') < 0
}

// accepts reports whether a frame is one of this record. One word may be anything,
// and other stacks are printed as well. tail is the text behind the frame.
func (r *record) accepts(f *internFrame, l *logtext.Line, first bool, tail []byte) bool {
	form, t := f.form, &r.trace
	strong := form.list && (t.form.list && (!first || len(tail) == 0) || startsList(tail)) || form.bracket || form.offset && form.size || form.number && f.frame.Addr>>28 != 0 || form.file && f.frame.Inlined
	if t.gap && first {
		if l.Indent != t.indent || form.bracket != t.form.bracket || t.printed >= 16 || logtext.IsProse(tail) {
			return false
		}
		// In text without indentation only a single line may be foreign.
		if l.Indent < frameIndent-1 && (r.between.others != 1 || r.between.colon || !form.offset || !form.size || len(tail) > 0) {
			return false
		}
	}
	switch {
	case strong || !first:
		return strong
	case len(tail) > 0:
		return false
	case form.offset || form.file:
		return len(t.frames) == 0 || l.Indent == t.indent || l.Indent >= frameIndent
	case form.number:
		return !t.gap
	}
	// A name alone.
	if len(t.frames) == 0 { // a word after a report that has no backtrace
		ago := l.Number - r.lastLine
		return l.Indent >= frameIndent || ago <= 1 || ago == 2 && r.between.spaced
	}
	return !t.form.offset && !t.form.bracket && (l.Indent >= frameIndent || !t.gap && l.Indent >= t.indent)
}

// startsList reports whether b starts with a name and its source positions.
func startsList(b []byte) bool {
	_, form, _, err := parseFrame(b)
	return err == nil && form.list
}

// push adds a frame of the intern table to the backtrace.
func (r *record) push(i uint32, l *logtext.Line) {
	f, form, t := &r.intern.frames[i].frame, r.intern.frames[i].form, &r.trace
	if len(t.frames) == 0 {
		t.form, t.indent = form, l.Indent
	}
	switch {
	case form.size && (f.Size|f.Offset)>>63 != 0:
		r.damageAt(&logtext.Line{Text: f.append(nil), Number: l.Number}, "no function is that large")
	case form.size && f.beyond():
		r.damageAt(&logtext.Line{Text: f.append(nil), Number: l.Number}, "the offset is beyond the size")
	}
	t.form.offset, t.form.size = t.form.offset || form.offset, t.form.size || form.size
	t.frames = append(t.frames, i)
	t.gap = false
	if form != (frameForm{offset: form.offset, file: form.file}) || f.Inlined {
		r.ledger.taken.frames++
	}
	if !f.Inlined {
		t.printed++
	}
}

// takeTail reads the end of the last frame, which a mailer has put on a line of its
// own. A word that was left before it may have been of it. Source positions behind what was
// taken for its module are those of the next frame: a paragraph was filled anew.
func (r *record) takeTail(l *logtext.Line) (rest []byte, used bool) {
	b, n, t := l.Text, len(r.trace.frames), r.intern
	if n == 0 || r.trace.gap {
		return b, false
	}
	last := t.frames[r.trace.frames[n-1]]
	if b[0] == '(' && last.form.word && isList(b) {
		if next, form, rest, err := parseFrame(append([]byte(last.frame.Module+" "), b...)); err == nil && form.list {
			last.frame.Module, last.form.word = "", false
			r.trace.frames[n-1] = t.add(nil, last)
			r.push(t.add(nil, internFrame{next, form}), l)
			return rest, true
		}
	}
	f := last
	rest, err := parseTail(b, &f.frame, &f.form)
	if err != nil || f.frame == last.frame || f.form.number {
		return b, false
	}
	if len(rest) > 0 && !hasFrame(rest) { // else more frames, of a paragraph that was filled anew
		return b, false
	}
	if r.left {
		r.damageAt(l, "a word behind a frame may be of what follows it")
	}
	key := append(last.frame.append(nil), '\n')
	key = append(key, b[:len(b)-len(rest)]...)
	r.trace.frames[n-1] = t.add(key, f)
	return rest, true
}

// looseFrame reads a frame with marks around it, or with what editors and browsers leave
// of [<address>]. It must have offset and size.
func looseFrame(b []byte) (f internFrame, ok bool) {
	if len(b) > maxFrame || b[0] != '[' && b[0] != '<' && b[0] != '(' && !hasFrame(b) {
		return f, false
	}
	b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("*"), nil), []byte("`"), nil)
	number := len(b) > 0 && b[0] == '#'
	b = bytes.TrimLeft(b, "-=>~|#\\ \t")
	if n := logtext.LeadingDigits(b); number && n > 0 && n < 4 { // the number of the frame
		b = logtext.TrimLeft(b[n:])
	}
	word := b[:logtext.IndexBlank(b)]
	inner := bytes.Trim(word, "[](<>):")
	s := logtext.Scan{Rest: bytes.TrimPrefix(inner, []byte("0x"))}
	addr := s.Rest
	switch _, digits, hex := s.Hex(); {
	case len(word) == len(b):
	case hex && digits >= 8 && len(s.Rest) == 0:
		b = slices.Concat([]byte("["), addr, []byte("]"), b[len(word):])
	case (b[0] == '[' || b[0] == '<') && len(bytes.Trim(inner, "xX?.0")) == 0:
		b = slices.Concat([]byte("[(ptrval)]"), b[len(word):])
	}
	frame, form, rest, err := parseFrame(b)
	if err != nil || len(rest) > 0 || frame.beyond() || !(form.offset && form.size || form.number && form.bracket && frame.Addr>>28 != 0) {
		return f, false
	}
	return internFrame{frame, form}, true
}
