// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bytes"
	"slices"
)

// IsEllipsis reports whether b is what people and pagers write for lines that they left
// out.
func IsEllipsis(b []byte) bool {
	t := bytes.Trim(b, "[]<>(){}*~-/ \t")
	switch string(t) {
	case "..", "More", "cut", "truncated":
		return true
	case "8": // "-----8<-----"
		return len(b) > 4
	}
	dots := bytes.HasPrefix(t, []byte("...")) || bytes.HasPrefix(t, []byte("\u2026"))
	return dots && (len(t) < 32 || bytes.Contains(t, []byte(" skip")) || len(bytes.Trim(t, ".")) == 0) ||
		bytes.HasPrefix(t, []byte("snip")) || bytes.HasSuffix(t, []byte("lines omitted"))
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

// StartsBoot reports whether a line is the first of another boot: what a kernel
// prints first, or what journalctl puts between boots.
func (s *Subject) StartsBoot(b []byte) bool {
	if len(b) > 0 && b[0] == '-' && (bytes.HasPrefix(b, []byte("-- Reboot --")) || bytes.HasPrefix(b, []byte("-- Boot "))) {
		return true
	}
	const start = "Linux version "
	if bytes.IndexByte(b, 'L') < 0 || !bytes.Contains(b, []byte(start)) {
		return false
	}
	_, text := s.Strip(b)
	version, ok := bytes.CutPrefix(TrimLeft(text), []byte(start))
	return ok && len(version) > 0 && isDigit(version[0])
}

// AnnouncesStack reports whether a line begins what the kernel prints with frames of its
// own.
func AnnouncesStack(b []byte) bool {
	return slices.ContainsFunc(otherStacks, func(s []byte) bool { return bytes.Contains(b, s) })
}

var otherStacks = bytes.Split([]byte("all Trace:|all trace:|RIP:|Workqueue:|Hardware name:|locks held|lock held|lock at:|lock (at |"+
	"llocated by task|reed by task|stack backtrace:|BUG: KASAN|WARNING: |cut here ]|softirqs last|hardirqs last|"+
	"Backtrace:|pc :|PC is at|Stack:"), []byte("|"))
