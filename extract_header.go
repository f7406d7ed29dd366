// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"slices"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// A headerStart is the start of a header, which a mailer may have wrapped.
type headerStart struct {
	logtext.Line        // its Text is from the header on
	learned      []byte // what stood before the header, behind the carrier
	weak         bool   // no more than its address can be read
}

// headerAt returns the header at b[at:], which is of the line l. A frame before it is not of
// its carrier.
func headerAt(l *logtext.Line, b []byte, at int) (h headerStart) {
	h.Line = *l
	h.Text = b[at:]
	h.Carrier, h.learned = subject.Strip(b[:at])
	h.Indent = logtext.Indent(h.learned)
	h.learned = logtext.TrimRight(h.learned)
	switch {
	case hasFrame(h.learned):
		h.learned = nil
	case len(h.learned) == 0 && at > 0 && bytes.IndexByte([]byte("+-*#%!:/"), b[at-1]) >= 0:
		h.learned = b[at-1 : at] // a mark without the blank that makes it a carrier
	}
	return h
}

// clone returns a copy that does not depend on the memory of the line.
func (h headerStart) clone() headerStart {
	h.Text, h.learned = bytes.Clone(h.Text), bytes.Clone(h.learned)
	return h
}

// oneBlank returns b with one blank between the first two words of a header.
func oneBlank(b []byte) []byte {
	before, behind, ok := bytes.Cut(b, []byte("nreferenced"))
	if t := logtext.TrimLeft(behind); ok && bytes.HasPrefix(t, []byte("object ")) && len(behind)-len(t) != 1 {
		return slices.Concat(before, []byte("nreferenced "), t)
	}
	return b
}

// findHeader returns the index of a header in b, or of the start of one at the end of a
// line, or -1. weak says that no more than its address can be read, and nothing but a
// carrier stands before it: it is one if its lines follow.
func findHeader(b []byte) (at int, weak bool) {
	first := -1
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(anchor))
		if i < 0 {
			break
		}
		at = from + i - 1
		from += i + len(anchor)
		if at < 0 || b[at]|0x20 != 'u' {
			continue
		}
		var l Leak
		if _, ok, short := parseHeader(b[at:], &l); ok || short {
			return at, false
		}
		if _, _, ok := damagedHeader(b[at:]); ok {
			return at, false
		}
		if _, before := subject.Strip(b[:at]); first < 0 && l.Addr != 0 && len(logtext.Trim(before)) == 0 {
			first = at
		}
	}
	return first, true
}

// damagedHeader reads what it can of a header that parseHeader does not know: the
// address or the size. It must have something of both, so that a sentence about
// unreferenced objects is none.
func damagedHeader(b []byte) (l Leak, rest []byte, ok bool) {
	const window = 96
	before, behind, ok := bytes.Cut(b[min(len(b), len(anchor)+1):], []byte("(size"))
	if !ok || len(before) > window || !bytes.HasPrefix(before, []byte(" ")) {
		return l, b, false
	}
	found := false
	for word := range bytes.FieldsSeq(before) {
		s := logtext.Scan{Rest: word}
		zero := s.Lit("0x")
		v, digits, hex := s.Hex()
		found = found || zero && len(word) > 2 && logtext.HexDigit(word[2]) < 16 || hex && digits >= 8
		if hex && digits >= 8 && len(s.Rest) == 0 {
			l.Addr = v
		}
	}
	s := logtext.Scan{Rest: bytes.TrimPrefix(behind, []byte(":"))}
	s.Blanks()
	var v uint64
	if s.Lit("0x") {
		v, _, ok = s.Hex()
	} else {
		v, ok = s.Dec()
	}
	if !found || !ok {
		return Leak{}, b, false
	}
	if len(s.Rest) > 0 && bytes.IndexByte([]byte("), "), s.Rest[0]) >= 0 {
		l.Size = v
	}
	l.PerCPU = bytes.Contains(before, []byte("(percpu)"))
	_, rest, _ = bytes.Cut(s.Rest, []byte(":"))
	return l, rest, true
}

// startsBody reports whether b starts like one of the lines behind a header.
func startsBody(b []byte) bool {
	return bytes.HasPrefix(b, []byte(`comm "`)) || bytes.HasPrefix(b, []byte("hex dump (")) || bytes.HasPrefix(b, []byte("backtrace"))
}
