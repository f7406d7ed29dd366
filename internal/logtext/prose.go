// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import "bytes"

// IsEllipsis reports whether b is what people and pagers write for lines that they left
// out.
func IsEllipsis(b []byte) bool {
	t := bytes.Trim(b, "[]<>(){}*~-/ \t")
	if len(t) < 32 && (bytes.HasPrefix(t, []byte("...")) || bytes.HasPrefix(t, []byte("\u2026"))) || bytes.HasPrefix(t, []byte("snip")) || string(t) == "More" {
		return true
	}
	if bytes.HasPrefix(t, []byte("... skip")) || bytes.HasPrefix(t, []byte("... ")) && bytes.Contains(t, []byte(" skipped")) || bytes.HasSuffix(t, []byte("lines omitted")) || string(t) == "8" && len(b) > 4 {
		return true // "-----8<-----"
	}
	return len(t) > 0 && (len(bytes.Trim(t, ".")) == 0 && len(t) >= 2 || string(t) == "snip" || string(t) == "\u2026" ||
		string(t) == "cut" || string(t) == "truncated")
}

// IsProse reports whether what is behind a frame is a sentence.
func IsProse(b []byte) bool {
	n := IndexBlank(b)
	return n < len(b) && n > 0 && b[0] >= 'a' && b[0] <= 'z' && len(bytes.Trim(b[:n], "abcdefghijklmnopqrstuvwxyz")) == 0
}

// Touches reports whether rest, the end of b, follows without a blank.
func Touches(b, rest []byte) bool {
	n := len(b) - len(rest)
	return len(rest) > 0 && n > 0 && &b[n] == &rest[0] && !IsBlank(rest[0]) && !IsBlank(b[n-1])
}
