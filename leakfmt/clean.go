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

// clean returns a text that is safe for a terminal, XML and labels: each character
// that is not visible, except a blank, becomes U+FFFD. These are control characters,
// including those that change the direction of text, line ends, code points without a
// character, and bytes that are not UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unseen(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

func unseen(r rune) bool { return !unicode.IsPrint(r) }

// escape makes JSON, which is UTF-8, safe for a terminal. The characters that clean
// replaces can only be in strings, where they become escape sequences. encoding/json
// escapes those below a blank and a few others itself.
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

// text is clean with a limit of the length.
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

// noText replaces the text of an error that has none, so that the error is not
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

// path is text for the path of a file, and keeps the end, which says the most.
func path(s string) string {
	if n := len(s) - maxText; n > 0 {
		for n < len(s) && !utf8.RuneStart(s[n]) {
			n++
		}
		s = "…" + s[n:]
	}
	return clean(s)
}
