// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// Lines that are not as any kernel prints them, but tell enough to be read, or to be
// reported as damage.

// looseFrame reads a frame with marks around it, or with a remainder of its
// address. It must have offset and size.
func looseFrame(b []byte) (f internFrame, ok bool) {
	if len(b) == 0 || len(b) > maxFrame || b[0] != '[' && b[0] != '<' && b[0] != '(' && !hasOffset(b) {
		return f, false
	}
	if bytes.IndexByte(b, '*') >= 0 || bytes.IndexByte(b, '`') >= 0 {
		b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("*"), nil), []byte("`"), nil)
	}
	number := len(b) > 0 && b[0] == '#'
	b = bytes.TrimLeft(b, "-=>~|#\\ \t")
	if n := logtext.LeadingDigits(b); number && n > 0 && n < 4 { // the number of the frame
		b = logtext.TrimLeft(b[n:])
	}
	addr, b, bracket := looseAddress(b)
	frame, form, rest, err := parseFrame(b)
	if err != nil || len(rest) > 0 || frame.beyond() || !(form.offset && form.size || form.number && bracket && frame.Addr>>28 != 0) {
		return f, false
	}
	if bracket && !form.number {
		frame.Addr = addr
	}
	form.bracket = form.bracket || bracket
	return internFrame{frame, form}, true
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
	s := logtext.Scan{Rest: inner}
	s.Lit("0x")
	v, digits, hex := s.Hex()
	switch {
	case hex && digits >= 8 && len(s.Rest) == 0:
		if digits < 16 || v>>32 != 0 { // else a hash
			addr = v
		}
	case (b[0] == '[' || b[0] == '<') && len(bytes.Trim(inner, "xX?.0")) == 0:
	default:
		return 0, b, false
	}
	return addr, logtext.TrimLeft(b[n:]), true
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
		s := logtext.Scan{Rest: b[from:]}
		if _, _, ok := s.Hex(); !ok || !s.Word("/") || !s.Word("0x") {
			continue
		}
		if _, _, ok := s.Hex(); ok {
			return bytes.Count(logtext.Trim(b[:from]), []byte(" ")) <= 1
		}
	}
}

// isProse reports whether what is behind a frame is a sentence.
func isProse(b []byte) bool {
	n := logtext.IndexBlank(b)
	return n < len(b) && n > 0 && b[0] >= 'a' && b[0] <= 'z' && len(bytes.Trim(b[:n], "abcdefghijklmnopqrstuvwxyz")) == 0
}
