// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "bytes"

// Lines that are not as any kernel prints them, but tell enough to be read, or to be
// reported as damage.

// damagedHeader reads what it can of a header that parseHeader does not know: the
// address or the size. It must have something of both, so that a sentence about
// unreferenced objects is none.
func damagedHeader(b []byte) (l Leak, rest []byte, ok bool) {
	const window = 96
	if len(b) <= len(anchor)+1 || b[len(anchor)+1] != ' ' {
		return l, b, false
	}
	t := b[len(anchor)+1 : min(len(b), len(anchor)+1+window)]
	size := bytes.Index(t, []byte("(size"))
	if size < 0 {
		return l, b, false
	}
	found := false
	for word := range bytes.FieldsSeq(t[:size]) {
		s := scan{b: word}
		zero := s.lit("0x")
		v, digits, hex := s.hex()
		found = found || zero && len(word) > 2 && hexValue[word[2]] < 16 || hex && digits >= 8
		if hex && digits >= 8 && len(s.b) == 0 {
			l.Addr = v
		}
	}
	s := scan{b: bytes.TrimPrefix(t[size+len("(size"):], []byte(":"))}
	s.blanks()
	var v uint64
	if s.lit("0x") {
		v, _, ok = s.hex()
	} else {
		v, ok = s.dec()
	}
	if !found || !ok {
		return Leak{}, b, false
	}
	if len(s.b) > 0 && bytes.IndexByte([]byte("), "), s.b[0]) >= 0 {
		l.Size = v
	}
	l.PerCPU = bytes.Contains(t[:size], []byte("(percpu)"))
	rest = b[len(b):]
	if i := bytes.IndexByte(s.b, ':'); i >= 0 {
		rest = b[len(anchor)+1+len(t)-len(s.b)+i+1:]
	}
	return l, rest, true
}

// looseFrame reads a frame with marks around it, or with a remainder of its
// address. It must have offset and size.
func looseFrame(b []byte) (f Frame, form frameForm, ok bool) {
	if len(b) == 0 || len(b) > maxFrame || b[0] != '[' && b[0] != '<' && b[0] != '(' && !hasOffset(b) {
		return f, form, false
	}
	if bytes.IndexByte(b, '*') >= 0 || bytes.IndexByte(b, '`') >= 0 {
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("*"), nil), []byte("`"), nil)
	}
	number := len(b) > 0 && b[0] == '#'
	b = bytes.TrimLeft(b, "-=>~|#\\ \t")
	if n := leadingDigits(b); number && n > 0 && n < 4 { // the number of the frame
		b = trimLeft(b[n:])
	}
	addr, b, bracket := looseAddress(b)
	f, form, rest, err := parseFrame(b)
	if err != nil || len(rest) > 0 || f.beyond() || !(form.offset && form.size || form.number && bracket && f.Addr>>28 != 0) {
		return Frame{}, form, false
	}
	if bracket {
		form.bracket = true
		if !form.number {
			f.Addr = addr
		}
	}
	return f, form, true
}

// looseAddress reads what editors and browsers leave of [<address>].
func looseAddress(b []byte) (addr uint64, rest []byte, ok bool) {
	const longest = 32
	if len(b) == 0 {
		return 0, b, false
	}
	n := bytes.IndexAny(b[:min(len(b), longest)], " \t")
	if b[0] == '[' || b[0] == '(' || b[0] == '<' {
		n = bytes.IndexByte(b[:min(len(b), longest)], map[byte]byte{'[': ']', '(': ')', '<': '>'}[b[0]]) + 1
	}
	if n <= 0 {
		return 0, b, false
	}
	inner := bytes.Trim(b[:n], "[](<>): \t")
	s := scan{b: inner}
	s.lit("0x")
	v, digits, hex := s.hex()
	switch {
	case hex && digits >= 8 && len(s.b) == 0:
		if digits < 16 || v>>32 != 0 { // else a hash
			addr = v
		}
	case (b[0] == '[' || b[0] == '<') && len(bytes.Trim(inner, "xX?.0")) == 0:
	default:
		return 0, b, false
	}
	return addr, trimLeft(b[n:]), true
}

// hasOffset reports whether b has +0x1/0x2, which only frames have, behind one or
// two words.
func hasOffset(b []byte) bool {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte("+0x"))
		if i < 0 {
			return false
		}
		from += i + len("+0x")
		s := scan{b: b[from:]}
		if _, _, ok := s.hex(); !ok || !s.word("/") || !s.word("0x") {
			continue
		}
		if _, _, ok := s.hex(); ok {
			return bytes.Count(trimBlanks(b[:from]), []byte(" ")) <= 1
		}
	}
}

// isProse reports whether what is behind a frame is a sentence.
func isProse(b []byte) bool {
	n := indexBlank(b)
	return n < len(b) && n > 0 && b[0] >= 'a' && b[0] <= 'z' && len(bytes.Trim(b[:n], "abcdefghijklmnopqrstuvwxyz")) == 0
}
