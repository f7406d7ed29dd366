// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"hash/maphash"
)

// A carrier is what stands before the kernel's text in a line of a log or a mail:
// quote marks, log level, time stamp, host, caller, "kmemleak: ".
type carrier struct {
	source uint64 // of host, program and caller; 0 if the line does not name them
	timed  bool   // has a time stamp
	tagged bool   // has "kmemleak: "
}

var carrierSeed = maphash.MakeSeed()

func (c *carrier) add(source []byte) {
	c.source = c.source*31 + maphash.Bytes(carrierSeed, source) | 1
}

// stripCarrier gives the text behind the carrier, with its indentation.
func stripCarrier(b []byte) (c carrier, text []byte) {
	for {
		t := trimLeft(b)
		if len(t) == 0 {
			return c, t
		}
		n := 0 // bytes of the next part of the carrier
		switch ch := t[0]; {
		case ch == '>' || ch == '|':
			n = 1
		case ch == '<':
			n = logLevel(t)
		case ch == '[':
			n = c.bracket(t)
		case ch == '(': // (0)[1:swapper/0], the processor in vendors' kernels
			if i := bytes.IndexByte(t[:min(len(t), 5)], ')'); i > 1 && isDecimal(t[1:i]) && i+1 < len(t) && t[i+1] == '[' {
				n = i + 1
			}
		case ch >= '0' && ch <= '9':
			n = c.stamp(t)
		case ch == 'k' || ch >= 'A' && ch <= 'Z':
			n = c.word(t)
		case ch == '+' || ch == '-' || ch == '*' || ch == '#' || ch == '%' || ch == '!' || ch == ':' || ch == '/':
			// Patches, lists and comments.
			if n = 1; len(t) > 1 && t[1] == ch {
				n = 2
			}
			if n < len(t) && t[n] != ' ' && t[n] != '\t' {
				n = 0
			}
		}
		if n == 0 {
			return c, b
		}
		b = t[n:]
		if len(b) > 0 && b[0] == ' ' {
			b = b[1:]
		}
	}
}

// logLevel reads <4>, and the version that RFC 5424 puts behind it.
func logLevel(t []byte) int {
	i := bytes.IndexByte(t[:min(len(t), 5)], '>')
	if i < 2 || !isDecimal(t[1:i]) {
		return 0
	}
	if bytes.HasPrefix(t[i+1:], []byte("1 ")) {
		return i + 2
	}
	return i + 1
}

// bracket reads [   76.611642], [  T170], [Mon Nov 23 01:13:44 2026] and vendors'
// forms such as [0:    init:    1]. An address has neither point nor colon.
func (c *carrier) bracket(t []byte) int {
	end, point, colon := 0, false, false
	for i, ch := range t[:min(len(t), 64)] {
		if ch == ']' {
			end = i
			break
		}
		point = point || ch == '.'
		colon = colon || ch == ':'
	}
	if end < 2 {
		return 0
	}
	inner := trimLeft(t[1:end])
	if len(inner) < 2 {
		return 0
	}
	if inner[0] == '+' && point && isDecimal(inner[1:2]) || colon && shortDate(inner) { // dmesg -e
		c.timed = true
		return end + 1
	}
	if (inner[0] == 'T' || inner[0] == 'C') && isDecimal(inner[1:]) {
		c.add(inner)
		return end + 1
	}
	digit := inner[0] >= '0' && inner[0] <= '9'
	if digit && (point || colon) || colon && month(inner) > 0 {
		c.timed = true
		return end + 1
	}
	return 0
}

// stamp reads a date or a time and what loggers put behind them. The bytes of a
// hex dump start with digits, too.
func (c *carrier) stamp(t []byte) int {
	n := indexBlank(t)
	token := t[:n]
	if i := bytes.IndexByte(token, ';'); i > 0 && bytes.Count(token[:i], []byte(",")) >= 3 { // /dev/kmsg
		c.timed = true
		if at := bytes.Index(token[:i], []byte("caller=")); at > 0 {
			c.add(token[at:i])
		}
		return i + 1
	}
	if i := leadingDigits(token); i > 0 && i < len(token) && (token[i] == ':' || token[i] == '-') && (i+1 == len(token) || token[i+1] > '9') {
		return i + 1 // the number of a line, from grep
	}
	colons, others := 0, 0
	for _, ch := range token {
		switch {
		case ch == ':':
			colons++
		case ch == '-' || ch == '/' || ch == '.':
			others++
		case ch >= '0' && ch <= '9' || ch == 'T' || ch == 'Z' || ch == '+' || ch == ',':
		default:
			return 0
		}
	}
	if colons == 0 && (others == 0 || others > 2 || n < 5) {
		return 0
	}
	c.timed = true
	return n + c.sender(t[n:], colons > 0)
}

// sender reads what follows a time: " host kernel:", " program[123]:" or logcat's
// "  1234  1234 W tag:".
func (c *carrier) sender(t []byte, afterTime bool) int {
	if !afterTime {
		return 0
	}
	s := scan{b: t}
	s.blanks()
	if _, ok := s.dec(); ok { // logcat
		s.blanks()
		if _, ok := s.dec(); ok {
			s.blanks()
			if len(s.b) > 1 && s.b[0] >= 'A' && s.b[0] <= 'Z' && s.b[1] == ' ' {
				if i := bytes.IndexByte(s.b[:min(len(s.b), 64)], ':'); i > 0 {
					c.tagged = c.tagged || bytes.Contains(s.b[:i], []byte("kmemleak"))
					return len(t) - len(s.b) + i + 1
				}
			}
		}
		return 0
	}
	first := s.b[:indexBlank(s.b)]
	start := s.b
	if len(first) == 0 || bytes.IndexByte(first, '"') >= 0 || bytes.IndexByte(first, '+') >= 0 || isHeader(start) {
		return 0
	}
	used := len(t) - len(start)
	if bytes.HasSuffix(first, []byte(":")) {
		if bytes.HasSuffix(first, []byte("]:")) || string(first) == "kernel:" {
			c.add(first)
			return used + len(first)
		}
		return 0
	}
	s.b = start[len(first):]
	s.blanks()
	second := s.b[:indexBlank(s.b)]
	if !bytes.HasSuffix(second, []byte(":")) || bytes.IndexByte(second, '"') >= 0 || bytes.IndexByte(second, '(') >= 0 || second[0] == '0' ||
		bytes.EqualFold(second, []byte("backtrace:")) {
		return 0
	}
	c.add(first)
	c.add(second)
	return len(t) - len(s.b) + len(second)
}

// word reads "kmemleak:", "kernel:", the date of syslog and logcat's "W/tag( 12):".
func (c *carrier) word(t []byte) int {
	switch {
	case bytes.HasPrefix(t, []byte("kmemleak:")):
		c.tagged = true
		return len("kmemleak:")
	case bytes.HasPrefix(t, []byte("kernel:")):
		return len("kernel:")
	case len(t) > 2 && t[1] == '/':
		if i := bytes.Index(t[:min(len(t), 64)], []byte("): ")); i > 0 {
			c.tagged = c.tagged || bytes.Contains(t[:i], []byte("kmemleak"))
			return i + 2
		}
	case t[0] <= 'Z':
		if n := month(t); n > 0 {
			c.timed = true
			return n + c.sender(t[n:], true)
		}
	}
	return 0
}

// month reads "Nov 23 01:13:44" or "Mon Nov 23 01:13:44".
func month(t []byte) int {
	const months = "JanFebMarAprMayJunJulAugSepOctNovDec"
	const days = "MonTueWedThuFriSatSun"
	s := scan{b: t}
	if len(t) < 15 {
		return 0
	}
	if i := bytes.Index([]byte(days), t[:3]); i >= 0 && i%3 == 0 {
		s.b = s.b[3:]
		s.blanks()
	}
	if len(s.b) < 3 {
		return 0
	}
	if i := bytes.Index([]byte(months), s.b[:3]); i < 0 || i%3 != 0 {
		return 0
	}
	s.b = s.b[3:]
	s.blanks()
	if _, ok := s.dec(); !ok {
		return 0
	}
	s.blanks()
	token := s.b[:indexBlank(s.b)]
	if len(token) < 5 || bytes.IndexByte(token, ':') != 2 {
		return 0
	}
	return len(t) - len(s.b) + len(token)
}

// shortDate reports whether b is like "Nov23 01:13".
func shortDate(b []byte) bool {
	const months = "JanFebMarAprMayJunJulAugSepOctNovDec"
	if len(b) < len("Nov3 01:13") {
		return false
	}
	i := bytes.Index([]byte(months), b[:3])
	s := scan{b: b[3:]}
	s.blanks()
	if _, ok := s.dec(); i < 0 || i%3 != 0 || !ok || len(s.b) == 0 || s.b[0] != ' ' {
		return false
	}
	s.blanks()
	return len(s.b) == 5 && s.b[2] == ':'
}

func isDecimal(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// stripLike removes from the start of b what has the shape of prefix: runs of
// digits and of blanks may differ, and so may the colon and the hyphen of grep. If
// only the first words of prefix are there, it removes those: the prefix of a header
// may have ended in "BUG: memory leak".
func stripLike(b, prefix []byte) []byte {
	rest, words := b, b // words: behind the last whole word
	named := false      // more than numbers
	for len(prefix) > 0 {
		if len(rest) == 0 {
			return words
		}
		p, r := leadingDigits(prefix), leadingDigits(rest)
		switch {
		case p > 0 && r > 0:
			prefix, rest = prefix[p:], rest[r:]
		case r > 0 && isBlank(prefix[0]) && leadingDigits(trimLeft(prefix)) > 0: // padded
			prefix = trimLeft(prefix)
		case p > 0 && isBlank(rest[0]) && leadingDigits(trimLeft(rest)) > 0:
			rest = trimLeft(rest)
		case isBlank(prefix[0]) && isBlank(rest[0]):
			prefix, rest = trimLeft(prefix), trimLeft(rest)
			if named {
				words = rest
			}
		case prefix[0] == rest[0] || prefix[0] == ':' && rest[0] == '-':
			prefix, rest = prefix[1:], rest[1:]
			named = true
		default:
			return words
		}
	}
	return rest
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func leadingDigits(b []byte) int {
	n := 0
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return n
}
