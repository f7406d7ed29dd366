// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"slices"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// isBracketFrame reports whether b is a frame beyond doubt.
func isBracketFrame(b []byte) bool {
	f, form, rest, err := parseFrame(b)
	return err == nil && len(rest) == 0 && f.Func != "" && form.offset && form.size
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
		if rest, used := r.takeList(l); used {
			return rest, true
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
	const dots = "..."
	if i := bytes.IndexByte(b, ']'); b[0] == '[' && i > 0 && bytes.Contains(b[:i], []byte(dots)) {
		b = logtext.TrimLeft(b[i+1:])
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("/0x"+dots), nil), []byte("+0x"+dots), nil)
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
	t.form.offset = t.form.offset || form.offset
	t.form.size = t.form.size || form.size
	t.frames = append(t.frames, i)
	t.gap = false
	if form != (frameForm{offset: form.offset, file: form.file}) || f.Inlined {
		r.ledger.taken.frames++
	}
	if !f.Inlined {
		t.printed++
	}
}

// takeList reads source positions behind what was taken for the module of the frame
// before and is a frame of its own: a paragraph was filled anew.
func (r *record) takeList(l *logtext.Line) (rest []byte, used bool) {
	b, n, t := l.Text, len(r.trace.frames), r.intern
	if n == 0 || r.trace.gap || b[0] != '(' || !isList(b) || !t.frames[r.trace.frames[n-1]].form.word {
		return b, false
	}
	last := t.frames[r.trace.frames[n-1]]
	next, form, rest, err := parseFrame(append([]byte(last.frame.Module+" "), b...))
	if err != nil || !form.list {
		return b, false
	}
	last.frame.Module, last.form.word = "", false
	r.trace.frames[n-1] = t.add(nil, last)
	r.push(t.add(nil, internFrame{next, form}), l)
	return rest, true
}

// takeTail reads the end of the last frame, which a mailer has put on a line of its
// own. A word that was left before it may have been of it.
func (r *record) takeTail(l *logtext.Line) (rest []byte, used bool) {
	b, n := l.Text, len(r.trace.frames)
	if n == 0 || r.trace.gap {
		return b, false
	}
	last := r.intern.frames[r.trace.frames[n-1]]
	f, rest, err := r.tail(b)
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
	r.trace.frames[n-1] = r.intern.add(key, f)
	return rest, true
}

// tail reads b as the end of the last frame.
func (r *record) tail(b []byte) (f internFrame, rest []byte, err error) {
	f = r.intern.frames[r.trace.frames[len(r.trace.frames)-1]]
	rest, err = parseTail(b, &f.frame, &f.form)
	return f, rest, err
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
