// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "bytes"

// take reads one item at the start of b. If used is false there is none.
func (r *record) take(b []byte, indent int, first bool) (rest []byte, used bool) {
	switch b[0] {
	case 'c':
		if isComm(b) && (len(b) == 4 || b[4] == ' ' || b[4] == '"' || b[4] == '\t') {
			return r.takeComm(b, indent)
		}
	case 'h', 'H':
		n, perCPU, cpu, rest, ok, short := parseHexHeader(b)
		if short && r.part < partDump {
			r.keep(b, indent)
			return nil, true
		}
		if ok {
			if r.part >= partDump {
				r.another(b, "a second hex dump")
				return nil, true
			}
			r.needComm(b)
			r.part, r.want, r.dumped = partDump, n, true
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
			r.keep(b, indent)
			return nil, true
		}
		if ok {
			if r.takeBacktrace(b) && hasCRC {
				r.leak.Checksum = r.x.intern.checksum(crc)
			}
			return rest, true
		}
	}
	if r.part != partBacktrace && r.part != partHeader && r.x.in.line == r.lastLine+1 && isBracketFrame(b) {
		r.damageAt(r.x.in.line, b, "the line before the backtrace is missing")
		r.part = partBacktrace
	}
	switch r.part {
	case partComm:
		if s := (scan{b: b}); s.lit("(age") && r.leak.Age == 0 { // wrapped
			age, ok := parseAge(&s)
			if ok {
				r.leak.Age = age
				return s.b, true
			}
			if s.short {
				r.keep(b, indent)
				return nil, true
			}
		}
	case partDump:
		if r.noChars && first && (len(r.data)%rowLen == 0 || len(r.data) == r.want) {
			if rest := behindChars(b); rest != nil {
				r.noChars = false
				return rest, true
			}
		}
		return r.takeRow(b, first)
	case partBacktrace:
		return r.takeFrame(b, indent, first)
	}
	return b, false
}

// behindChars gives what follows the characters of a row at the start of b: another
// row or the next line of the record; nil if b starts with something else.
func behindChars(b []byte) []byte {
	if data, rest := parseHexRow(nil, b, rowLen); len(data) >= rowLen/2 || len(rest) == 0 {
		return nil
	}
	for i := 1; i < min(len(b), rowLen+1); i++ {
		if !isBlank(b[i]) {
			continue
		}
		rest := trimLeft(b[i:])
		if bytes.HasPrefix(rest, []byte("backtrace")) {
			return rest
		}
		if data, after := parseHexRow(nil, rest, rowLen); len(data) >= rowLen/2 || len(data) > 0 && len(after) == 0 {
			return rest
		}
	}
	return nil
}

// isBracketFrame reports whether b is a frame beyond doubt.
func isBracketFrame(b []byte) bool {
	if b[0] != '[' && bytes.IndexByte(b, '+') < 0 {
		return false
	}
	f, form, rest, err := parseFrame(b)
	return err == nil && len(rest) == 0 && f.Func != "" && form.offset && form.size
}

func (r *record) takeComm(b []byte, indent int) (rest []byte, used bool) {
	c, rest, ok, short := parseComm(b)
	if ok && len(c.comm) > commLen && bytes.IndexByte(c.comm, '\n') >= 0 {
		return b, false // not one name
	}
	if short && !ok && len(b) < 200 {
		if r.part != partHeader {
			return b, false
		}
		r.commCarrier = !r.bare
		r.keep(b, indent)
		return nil, true
	}
	if !ok {
		return b, false
	}
	if r.part != partHeader {
		what := "a second comm line"
		if !r.hasComm {
			what = "the comm line is at the wrong place"
		}
		r.another(b, what)
		return nil, true
	}
	r.part, r.hasComm = partComm, true
	r.leak.Comm = r.x.intern.bytesName(c.comm)
	r.leak.PID, r.leak.Jiffies, r.leak.Age = c.pid, c.jiffies, c.age
	return rest, true
}

// takeBacktrace reports whether it is the first. The frames after another one are
// those of a record whose header is lost.
func (r *record) takeBacktrace(b []byte) bool {
	switch r.part {
	case partBacktrace:
		r.another(b, "a second backtrace")
		r.printed, r.mixed = 0, false
		return false
	case partDump:
		if len(r.data) < r.want {
			r.damageAt(r.x.in.line, b, "the hex dump is cut")
		}
	}
	r.needComm(b)
	r.part = partBacktrace
	return true
}

// another takes a line of a record whose header is lost. What follows directly is
// kept, for want of a better place, and is damage; further down it is no concern of
// this record.
func (r *record) another(b []byte, what string) {
	if r.gap {
		r.closed = true
		return
	}
	r.damageAt(r.x.in.line, b, what)
	r.mixed = true
}

// needComm notes that b is not the comm line.
func (r *record) needComm(b []byte) {
	if !r.hasComm {
		r.damageAt(r.x.in.line, b, "the comm line is missing")
	}
}

func (r *record) takeRow(b []byte, first bool) (rest []byte, used bool) {
	have := len(r.data)
	if r.noChars && len(b) <= rowLen && (have%rowLen == 0 || have == r.want) {
		// Characters that a mailer has put on a line of their own, or a short row.
		short := min(rowLen, r.want-have)
		if row, rest := parseHexRow(r.data, b, short); short == 0 || len(row)-have < short || len(rest) > 0 {
			r.noChars = false
			return nil, true
		}
	}
	if have >= r.want {
		if isHexRow(b) {
			r.damageAt(r.x.in.line, b, "the hex dump is too long")
		}
		return b, false
	}
	inRow := have % rowLen
	row, rest := parseHexRow(r.data, b, rowLen)
	got := len(row) - have
	if got == 0 || got < 2 && inRow == 0 && r.want-have > 1 && first {
		return b, false
	}
	if limit := min(rowLen-inRow, r.want-have); got > limit {
		if inRow > 0 && got == rowLen { // a whole row after a part of one
			r.damageAt(r.x.in.line, b, "a row of the hex dump is cut")
			r.want = 0
			r.data = r.data[:have]
			return nil, true
		}
		row, rest = parseHexRow(r.data[:have], b, limit)
		got = limit
	}
	r.data = row
	chars := trimLeft(rest)
	r.noChars = len(chars) == 0
	if len(chars) <= rowLen {
		return nil, true
	}
	// A flattened paragraph: characters are as many as bytes, but for blanks.
	if rest := behindChars(chars); rest != nil {
		return rest, true
	}
	return chars[min(len(chars), got+inRow):], true
}

func (r *record) takeFrame(b []byte, indent int, first bool) (rest []byte, used bool) {
	if len(r.frames) >= maxDepth {
		r.damageAt(r.x.in.line, b, "too many frames")
		r.closed = true
		return nil, true
	}
	t := r.x.intern
	if i, ok := t.lookup(b); ok {
		f := &t.frames[i]
		if r.isCutOff(f.frame, f.form, indent, first) {
			r.keep(b, indent)
			return nil, true
		}
		if !r.accepts(f.frame, f.form, indent, first, nil) {
			return b, false
		}
		r.push(i, f.frame, f.form, indent)
		return nil, true
	}
	var ok bool
	f, form, rest, err := parseFrame(b)
	if err != nil {
		if err == errCutFrame && first || isOpenList(b) && len(r.frames) > 0 && !r.gap && first {
			r.keep(b, indent)
			return nil, true
		}
		if rest, used := r.takeTail(b, indent); used || !first {
			return rest, used
		}
		if f, form, ok = looseFrame(b); !ok || !r.accepts(f, form, indent, first, nil) {
			return b, false
		}
		rest = nil
	}
	if isOpenList(rest) && first {
		r.keep(b, indent)
		return nil, true
	}
	if len(rest) == 0 && r.isCutOff(f, form, indent, first) {
		r.keep(b, indent)
		return nil, true
	}
	if !r.accepts(f, form, indent, first, rest) {
		// The name may be an address without brackets.
		if f, form, ok = looseFrame(b); form.bracket && ok && first && r.accepts(f, form, indent, first, nil) {
			r.push(t.add(b, internFrame{frame: f, form: form}), f, form, indent)
			return nil, true
		}
		return b, false
	}
	if !r.x.in.eol && len(rest) == 0 && isCut(f, form) {
		r.damageAt(r.x.in.line, b, "a frame is cut")
		return nil, true
	}
	key := b
	if len(rest) > 0 {
		key = b[:len(b)-len(rest)]
		key = trimRight(key)
	}
	i, ok := t.lookup(key)
	if !ok {
		i = t.add(key, internFrame{frame: f, form: form})
	}
	r.push(i, f, form, indent)
	return rest, true
}

// isCutOff reports whether a frame on a line of its own has likely lost its end: the
// other frames have more than a name, or an offset but no size, or the offset is
// beyond the size.
func (r *record) isCutOff(f Frame, form frameForm, indent int, first bool) bool {
	if !first || r.gap || r.joined || form.file || f.Module != "" || form.number || len(r.frames) == 0 {
		return false
	}
	if !form.offset {
		return r.form.offset && !form.bracket && (indent == r.indent || indent >= frameIndent)
	}
	return !form.size && r.form.size || form.size && f.beyond()
}

// isInlineStart reports whether b, the end of a line of a filled paragraph, is a
// name, or a name and a position: [inline] may follow in the next line.
func isInlineStart(b []byte) bool {
	f, form, rest, err := parseFrame(b)
	return err == nil && len(rest) == 0 && !form.bracket && !form.number && !form.offset && f.Module == ""
}

// isOpenList reports whether b is the start of a list of source positions, which
// goes on in the next line.
func isOpenList(b []byte) bool {
	const longest = 512
	return len(b) > 0 && len(b) < longest && b[0] == '(' && closing(b) < 0 && bytes.IndexByte(b, ':') > 0
}

// accepts reports whether a frame is one of this record. One word may be anything,
// and other stacks are printed as well.
func (r *record) accepts(f Frame, form frameForm, indent int, first bool, tail []byte) bool {
	strong := form.bracket || form.offset && form.size || form.number && f.Addr>>28 != 0 || form.file && f.Inlined
	if !first {
		return strong
	}
	if r.gap {
		if indent != r.indent || form.bracket != r.form.bracket || r.printed >= 16 || isProse(tail) {
			return false
		}
		// In text without indentation only a single line may be foreign.
		if indent < frameIndent-1 && (r.others != 1 || r.colon || !form.offset || !form.size || len(tail) > 0) {
			return false
		}
	}
	if strong {
		return true
	}
	if len(tail) > 0 {
		return false
	}
	if form.offset || form.file {
		return len(r.frames) == 0 || indent == r.indent || indent >= frameIndent
	}
	if form.number {
		return !r.gap
	}
	// A name alone.
	if len(r.frames) > 0 && (r.form.offset || r.form.bracket) {
		return r.joined
	}
	if len(r.frames) == 0 { // a word after a report that has no backtrace
		between := r.x.in.line - r.lastLine
		return indent >= frameIndent || between <= 1 || between == 2 && r.spaced
	}
	return indent >= frameIndent || !r.gap
}

func (r *record) push(i uint32, f Frame, form frameForm, indent int) {
	if len(r.frames) == 0 {
		r.form, r.indent = form, indent
	}
	if only := (frameForm{}); len(r.frames) == 1 && r.form == only && form.offset {
		r.damageAt(r.x.in.line, f.append(nil), "the frame before it is a word alone")
	}
	r.form.offset = r.form.offset || form.offset
	r.form.size = r.form.size || form.size
	if form.size && f.beyond() {
		r.damageAt(r.x.in.line, f.append(nil), "the offset is beyond the size")
	}
	r.frames = append(r.frames, i)
	r.gap = false
	if !f.Inlined {
		r.printed++
	}
}

// takeTail reads the end of the last frame, which a mailer has put on a line of its
// own.
func (r *record) takeTail(b []byte, indent int) (rest []byte, used bool) {
	if len(r.frames) == 0 || r.gap {
		return b, false
	}
	t := r.x.intern
	last := t.frames[r.frames[len(r.frames)-1]]
	f, form := last.frame, last.form
	rest, err := parseTail(b, &f, &form)
	if err != nil || f == last.frame || form.number {
		// The end of the size, where a terminal has wrapped.
		whole := append(last.frame.append(nil), b...)
		f, form, rest, err = parseFrame(whole)
		if hex := len(b) - len(bytes.TrimLeft(b, "0123456789abcdef")); err != nil || len(rest) > 0 || f.beyond() ||
			hex == 0 || hex < len(b) && b[hex] != ' ' || f.Func != last.frame.Func || f.Offset != last.frame.Offset ||
			!last.form.size || last.form.file || last.frame.Module != "" || indent > 0 || r.indent == 0 || !r.bare ||
			r.lastLine != r.x.in.line-1 {
			return b, false
		}
		f.Addr, form.bracket = last.frame.Addr, last.form.bracket
	} else if len(rest) > 0 {
		// More frames, of a paragraph that was filled anew.
		_, next, _, err := parseFrame(rest)
		if err != nil || !next.bracket && !(next.offset && next.size) && !next.file {
			return b, false
		}
	}
	key := append(last.frame.append(nil), '\n')
	key = append(key, b[:len(b)-len(rest)]...)
	i, ok := t.lookup(key)
	if !ok {
		i = t.add(key, internFrame{frame: f, form: form})
	}
	r.frames[len(r.frames)-1] = i
	return rest, true
}
