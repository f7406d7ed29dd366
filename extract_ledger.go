// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// items counts what text has of a report beyond doubt: frames with an address, with
// offset and size, or with source positions, and the other lines of a record, headers
// included. What a sentence mentions does not count.
func items(text []byte) (frames, lines int) {
	for i, end := 0, 0; ; i++ {
		n := bytes.IndexAny(text[i:], "[+(")
		if n < 0 {
			break
		}
		i += n
		if rest, ok := endOfFrame(text, end, i); rest != nil {
			if ok && (frames > 0 || text[i] == '[' || len(rest) == 0 || !logtext.IsBlank(rest[0]) || !logtext.IsProse(logtext.TrimLeft(rest))) {
				frames++
			}
			end = len(text) - len(rest)
			i = end - 1
		}
	}
	if s := (logtext.Scan{Rest: text}); s.Lit("0x") {
		if _, digits, ok := s.Hex(); ok && digits >= 8 && len(s.Rest) == 0 {
			frames++
		}
	}
	if i := bytes.Index(text, []byte(", jiffies")); i > 0 && bytes.Contains(text[:i], []byte("pid ")) {
		lines++
	}
	if i := bytes.Index(text, []byte(anchor)); i >= 0 && i <= 1 {
		s := logtext.Scan{Rest: text[i+len(anchor):]}
		if s.Word("(percpu)"); s.Word("0x") {
			lines++
		}
	}
	if isHexRow(text) || hasNumber(text, "hex dump (first ") || hasNumber(text, "backtrace (crc ") {
		lines++
	}
	return frames, lines
}

// hasFrame reports whether b has a frame beyond doubt.
func hasFrame(b []byte) bool {
	frames, _ := items(b)
	return frames > 0
}

// hasNumber reports whether start is in b, with a number behind it.
func hasNumber(b []byte, start string) bool {
	_, number, _ := bytes.Cut(b, []byte(start))
	return len(number) > 0 && logtext.HexDigit(number[0]) < 16
}

// endOfFrame looks for a frame at text[i:], a bracket, a plus or a parenthesis, which
// starts behind text[:end]. It returns what follows, nil if there is nothing of a frame,
// and whether there is a name with it.
func endOfFrame(text []byte, end, i int) (rest []byte, ok bool) {
	s := logtext.Scan{Rest: text[i:]}
	before := bytes.Fields(text[end:i])
	switch text[i] {
	case '[':
		if s.Lit("[inline]") {
			if len(before) == 2 {
				_, _, ok = cutPosition(before[1])
			}
			return s.Rest, ok
		}
		if _, behind, err := parseBracket(s.Rest); err == nil && s.Lit("[<") {
			name := logtext.TrimLeft(behind)
			return name[logtext.IndexBlank(name):], len(name) > 0
		}
	case '+':
		if s.Lit("+0x") {
			if _, _, ok = s.Hex(); ok && s.Lit("/0x") {
				if _, _, ok = s.Hex(); ok { // a mark may stand before the name
					return s.Rest, len(before) > 0 && (end > 0 || len(before) <= 2) && !logtext.IsBlank(text[i-1])
				}
			}
		}
	case '(':
		var form frameForm
		if c := logtext.Closing(s.Rest); c > 0 && parseParen(s.Rest[1:c], new(Frame), &form) && form.list {
			return s.Rest[c+1:], len(before) == 1 && isModule(before[0])
		}
	}
	return nil, false
}
