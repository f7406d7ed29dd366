// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Bounds of what is printed in one piece, in bytes. Symbols have at most 512
// (KSYM_NAME_LEN), and nearly all of them less than 60.
const (
	maxText  = 200
	maxError = 1000
)

// clean makes a text fit for a terminal, XML and labels, whatever it holds: each
// character that is not to be seen, but a blank, becomes U+FFFD. These are the
// control characters, those that turn the direction of text among them, line ends,
// code points without a character, and bytes that are no UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unseen(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

func unseen(r rune) bool { return !unicode.IsPrint(r) }

// escape makes JSON, which is UTF-8, fit for a terminal: strings are the only place in
// it for the characters that clean replaces, and there they have an escape sequence.
// encoding/json has one for those below a blank and for a few others.
func escape(json []byte) []byte {
	if !slices.ContainsFunc(json, func(c byte) bool { return c < ' ' || c > '~' }) {
		return json // nearly always
	}
	var b []byte
	for _, r := range string(json) {
		if !unseen(r) {
			b = utf8.AppendRune(b, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			b = fmt.Appendf(b, `\u%04x`, unit)
		}
	}
	return b
}

// text is clean with a bound.
func text(s string) string { return clean(clip(s, maxText)) }

// errorText is clean for the text of an error, which may have several lines.
func errorText(err error) string {
	return clean(strings.ReplaceAll(clip(cmp.Or(err.Error(), noText), maxError), "\n", "; "))
}

// atLength returns an error with the list of places that were searched for a file, which
// that of a call has only the number of.
func atLength(err error) error {
	var long interface {
		error
		Brief() string
	}
	if !errors.As(err, &long) {
		return err
	}
	return errors.New(strings.Replace(err.Error(), long.Brief(), long.Error(), 1))
}

// noText stands for the text of an error that has none: that there is one must not be
// overlooked.
const noText = "error without a text"

// clip cuts the end off a long text.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// path is text for the path of a file, of which the end tells the most.
func path(s string) string {
	if n := len(s) - maxText; n > 0 {
		for n < len(s) && !utf8.RuneStart(s[n]) {
			n++
		}
		s = "…" + s[n:]
	}
	return clean(s)
}
