// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bytes"
	"math"
	"strconv"
)

// lost is what stands around the number where programs that keep logs say of lines that
// they do not have them.
var lost = [...]struct{ before, behind string }{
	{"", " printk messages dropped"},
	{"Missed ", " kernel messages"},
	{"lost ", " messages"},
}

// Lost returns how many lines a log has lost, if b says that.
func Lost(b []byte) (n int, ok bool) {
	// A single byte is found several times faster.
	if bytes.IndexByte(b, 'g') < 0 || !bytes.Contains(b, []byte("messages")) {
		return 0, false
	}
	for _, l := range lost {
		for at := 0; ; at += len(l.behind) {
			i := bytes.Index(b[at:], []byte(l.behind))
			if i < 0 {
				break
			}
			at += i
			digits := len(bytes.TrimRight(b[:at], "0123456789"))
			if digits < at && bytes.HasSuffix(b[:digits], []byte(l.before)) {
				return FirstNumber(b[digits:at]), true
			}
		}
	}
	return 0, false
}

// FirstNumber returns the first decimal number in b, 0 if there is none,
// math.MaxInt32 if it is larger.
func FirstNumber(b []byte) int {
	i := bytes.IndexAny(b, "0123456789")
	if i < 0 {
		return 0
	}
	n, err := strconv.ParseUint(string(b[i:i+LeadingDigits(b[i:])]), 10, 31)
	if err != nil {
		return math.MaxInt32
	}
	return int(n)
}

// StartsBoot reports whether a line is the first of another boot: what a kernel
// prints first, or what journalctl puts between boots.
func (s *Subject) StartsBoot(b []byte) bool {
	if bytes.HasPrefix(b, []byte("-- Reboot --")) || bytes.HasPrefix(b, []byte("-- Boot ")) {
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
