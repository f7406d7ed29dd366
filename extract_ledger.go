// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// An account is a number of items of a report. Those of one kind do not make up for
// those of the other.
type account struct{ frames, lines int }

func (a account) and(b account) account { return account{a.frames + b.frames, a.lines + b.lines} }

func (a account) less(b account) account {
	return account{max(0, a.frames-b.frames), max(0, a.lines-b.lines)}
}

// items counts what text has of a report beyond doubt: frames with an address, with
// offset and size, or with source positions, and the other lines of a record, headers
// included. What a sentence mentions does not count.
func items(text []byte) (n account) {
	for i, end := 0, 0; ; i++ {
		next := bytes.IndexAny(text[i:], "[+(")
		if next < 0 {
			break
		}
		i += next
		if rest, ok := endOfFrame(text, end, i); rest != nil {
			if ok && (n.frames > 0 || text[i] == '[' || len(rest) == 0 || !logtext.IsBlank(rest[0]) || !logtext.IsProse(logtext.TrimLeft(rest))) {
				n.frames++
			}
			end = len(text) - len(rest)
			i = end - 1
		}
	}
	if s := (logtext.Scan{Rest: text}); s.Lit("0x") {
		if _, digits, ok := s.Hex(); ok && digits >= 8 && len(s.Rest) == 0 {
			n.frames++
		}
	}
	if i := bytes.Index(text, []byte(", jiffies")); i > 0 && bytes.Contains(text[:i], []byte("pid ")) {
		n.lines++
	}
	if i := bytes.Index(text, []byte(anchor)); i >= 0 && i <= 1 {
		s := logtext.Scan{Rest: text[i+len(anchor):]}
		if s.Word("(percpu)"); s.Word("0x") {
			n.lines++
		}
	}
	if isHexRow(text) || hasNumber(text, "hex dump (first ") || hasNumber(text, "backtrace (crc ") {
		n.lines++
	}
	return n
}

// hasFrame reports whether b has a frame beyond doubt.
func hasFrame(b []byte) bool { return items(b).frames > 0 }

// isBracketFrame reports whether b is a frame beyond doubt.
func isBracketFrame(b []byte) bool {
	f, form, rest, err := parseFrame(b)
	return err == nil && len(rest) == 0 && f.Func != "" && form.offset && form.size
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
					return s.Rest, i == 0 || len(before) > 0 && (end > 0 || len(before) <= 2 || bytes.HasSuffix(text[:i-len(before[len(before)-1])], []byte("  "))) && !logtext.IsBlank(text[i-1])
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
