// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// parseTail reads what follows the symbol: the module, marks of the unwinder and
// what decoding tools add.
func parseTail(b []byte, f *Frame, form *frameForm) (rest []byte, err error) {
	for {
		b = logtext.TrimLeft(b)
		if len(b) == 0 {
			return b, nil
		}
		switch b[0] {
		case '[':
			i := bytes.IndexByte(b, ']')
			if i < 0 {
				if isModule(b[1:]) {
					return b, errCutFrame
				}
				return b, nil
			}
			inner := b[1:i]
			switch {
			case string(inner) == "inline" || string(inner) == "inlined":
				f.Inlined = true
			case f.Module == "" && !form.number && isModule(inner):
				setModule(f, inner)
			default:
				return b, nil
			}
			b = b[i+1:]
		case '(':
			i := closing(b)
			if i < 0 || !parseParen(b[1:i], f, form) {
				return b, nil
			}
			b = b[i+1:]
			// decode_stacktrace.sh puts the module here and drops its brackets.
			word := logtext.TrimLeft(b)
			n := logtext.IndexBlank(word)
			behind := logtext.TrimLeft(word[n:])
			if form.file && f.Module == "" && n > 0 && isModule(word[:n]) && (len(behind) == 0 || behind[0] == '(') {
				f.Module = string(word[:n])
				b = behind
			}
		default:
			n := logtext.IndexBlank(b)
			file, line, ok := cutPosition(b[:n])
			if !ok || form.file {
				return b, nil
			}
			f.File, f.Line, form.file = file, line, true
			b = b[n:]
		}
	}
}

// closing gives the index of the parenthesis that closes the one b starts with, or
// -1.
func closing(b []byte) int {
	depth := 0
	for i, c := range b[:min(len(b), maxFrame)] {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// parseParen reads the inside of a parenthesis after a symbol: marks of arm64's
// unwinder such as (P), or source positions.
func parseParen(b []byte, f *Frame, form *frameForm) bool {
	marks := len(b) > 0 && len(b) <= 4
	for _, c := range b {
		marks = marks && c >= 'A' && c <= 'Z'
	}
	if marks {
		return true
	}
	if form.file {
		return bytes.HasPrefix(b, []byte("discriminator "))
	}
	var file string
	var line int
	found := false
	for word := range bytes.FieldsSeq(b) {
		if d := string(bytes.Trim(word, "()")); d == "discriminator" || found && strings.Trim(d, "0123456789") == "" {
			continue
		}
		var ok bool
		if file, line, ok = cutPosition(word); !ok {
			return false
		}
		found = true
	}
	if !found {
		return false
	}
	f.File, f.Line, form.file, form.list = file, line, true, true
	return true
}

// cutPosition reads file:line or file:line:column. What addr2line prints when it
// does not know, ??:?, is a position without a file.
func cutPosition(b []byte) (file string, line int, ok bool) {
	name, number, ok := bytes.Cut(b, []byte(":"))
	if !ok || len(name) == 0 || len(name) > maxPath {
		return "", 0, false
	}
	if string(name) == "??" {
		return "", 0, true
	}
	number, _, _ = bytes.Cut(number, []byte(":"))
	n, err := strconv.ParseUint(string(number), 10, 31)
	if string(number) == "?" { // addr2line knows the file only
		n, err = 0, nil
	}
	if err != nil || !utf8.Valid(name) || bytes.IndexByte(name, '.') < 0 && bytes.IndexByte(name, '/') < 0 {
		return "", 0, false
	}
	for _, c := range name {
		if c <= ' ' || c == '(' || c == ')' || c == '[' || c == ']' || c == '"' {
			return "", 0, false
		}
	}
	return string(name), int(n), true
}

// isModule reports whether b is a module name, or one with a build ID.
func isModule(b []byte) bool {
	name, id, hasID := bytes.Cut(b, []byte(" "))
	if len(name) == 0 || len(name) > 64 || name[0] == '.' || name[0] == '-' {
		return false
	}
	if logtext.IsDecimal(name) { // a footnote
		return false
	}
	for _, c := range name {
		if !isNameByte[c] && c != '-' {
			return false
		}
	}
	if !hasID {
		return true
	}
	for _, c := range id {
		if logtext.HexDigit(c) > 15 {
			return false
		}
	}
	return len(id) >= 8 && len(id) <= 64
}

func setModule(f *Frame, b []byte) {
	name, id, _ := bytes.Cut(b, []byte(" "))
	f.Module, f.BuildID = string(name), string(id)
}
