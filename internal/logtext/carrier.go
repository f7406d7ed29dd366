// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bytes"
	"hash/maphash"
	"strings"
)

// A Subject is what has to be known of the lines that are looked for. No field may be
// empty.
type Subject struct {
	// Start is the text that they begin with. Its first letter may be a capital.
	Start string
	// Tag is the name that stands with a colon before them in a log.
	Tag string
	// Label is a word of theirs that ends in a colon, as names of programs in logs do.
	// Case does not count.
	Label string
	// Verbatim returns the part of a line that stays as it is. If there is none, from
	// and to are the length of the line.
	Verbatim func(line []byte) (from, to int)
}

// A Carrier is what stands before the text of a line in a log or a mail: quote marks,
// log level, time stamp, host, caller, tag.
type Carrier struct {
	Source uint64 // a hash of host, program and caller, 0 if the line does not name them
	Timed  bool   // has a time stamp
	Tagged bool   // has the Tag of the Subject
	Quotes uint8  // marks of quoted text
}

var carrierSeed = maphash.MakeSeed()

func (c *Carrier) add(source []byte) {
	c.Source = c.Source*31 + maphash.Bytes(carrierSeed, source) | 1
}

// Strip returns the carrier at the start of b and the text behind it, with its
// indentation.
func (s *Subject) Strip(b []byte) (c Carrier, text []byte) {
	for {
		t := TrimLeft(b)
		if len(t) == 0 {
			return c, t
		}
		n := 0 // bytes of the next part of the carrier
		switch ch := t[0]; {
		case ch == '>' || ch == '|':
			n = 1
			c.Quotes++
		case ch == '<':
			n = logLevel(t)
		case ch == '[':
			n = c.bracket(t)
		case ch == '(': // (0)[1:swapper/0], the processor in vendors' kernels
			if i := bytes.IndexByte(t[:min(len(t), 5)], ')'); i > 1 && IsDecimal(t[1:i]) && i+1 < len(t) && t[i+1] == '[' {
				n = i + 1
			}
		case ch >= '0' && ch <= '9':
			n = c.stamp(t, s)
		case ch == 'k' || ch == s.Tag[0] || ch >= 'A' && ch <= 'Z':
			n = c.word(t, s)
		case ch == '+' || ch == '-' || ch == '*' || ch == '#' || ch == '%' || ch == '!' || ch == ':' || ch == '/':
			// Patches, lists and comments.
			if n = IndexBlank(t); n > 2 || t[n-1] != ch {
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
	if i < 2 || !IsDecimal(t[1:i]) {
		return 0
	}
	return len(t) - len(bytes.TrimPrefix(t[i+1:], []byte("1 ")))
}

// bracket reads [   76.611642], [  T170], [Mon Nov 23 01:13:44 2026] and vendors'
// forms such as [0:    init:    1]. An address has neither point nor colon.
func (c *Carrier) bracket(t []byte) int {
	inner, _, closed := bytes.Cut(t[1:min(len(t), 64)], []byte("]"))
	end := len(inner) + 1
	if inner = TrimLeft(inner); !closed || len(inner) < 2 {
		return 0
	}
	has := func(ch byte) bool { return bytes.IndexByte(inner, ch) >= 0 }
	switch first := inner[0]; {
	case (first == 'T' || first == 'C') && IsDecimal(inner[1:]):
		c.add(inner)
	case isDigit(first) && (has('.') || has(':')),
		first == '+' && isDigit(inner[1]) && has('.'), // dmesg -e
		has(':') && month(inner) > 0:
		c.Timed = true
	default:
		return 0
	}
	return end + 1
}

// stamp reads a date or a time and what loggers put behind them. The bytes of a
// hex dump start with digits, too.
func (c *Carrier) stamp(t []byte, subject *Subject) int {
	n := IndexBlank(t)
	token := t[:n]
	if i := bytes.IndexByte(token, ';'); i > 0 && bytes.Count(token[:i], []byte(",")) >= 3 { // /dev/kmsg
		c.Timed = true
		if at := bytes.Index(token[:i], []byte("caller=")); at > 0 {
			c.add(token[at:i])
		}
		return i + 1
	}
	if i := LeadingDigits(token); i > 0 && i < len(token) && (token[i] == ':' || token[i] == '-') && (i+1 == len(token) || token[i+1] > '9') {
		return i + 1 // the number of a line, from grep
	}
	if len(bytes.Trim(token, "0123456789TZ+,:-/.")) > 0 {
		return 0
	}
	others := bytes.Count(token, []byte("-")) + bytes.Count(token, []byte("/")) + bytes.Count(token, []byte("."))
	dated := bytes.IndexByte(token, ':') < 0
	if dated && (others == 0 || others > 2 || n < 5) {
		return 0
	}
	c.Timed = true
	if dated {
		return n
	}
	return n + c.sender(t[n:], subject)
}

// sender reads what follows a time: " host kernel:", " program[123]:" or logcat's
// "  1234  1234 W tag:".
func (c *Carrier) sender(t []byte, subject *Subject) int {
	s := Scan{Rest: t}
	s.Blanks()
	if _, ok := s.Dec(); ok { // logcat
		s.Blanks()
		_, ok = s.Dec()
		s.Blanks()
		i := bytes.IndexByte(s.Rest[:min(len(s.Rest), 64)], ':')
		if !ok || i < 2 || s.Rest[0] < 'A' || s.Rest[0] > 'Z' || s.Rest[1] != ' ' {
			return 0
		}
		c.Tagged = c.Tagged || bytes.Contains(s.Rest[:i], []byte(subject.Tag))
		return len(t) - len(s.Rest) + i + 1
	}
	name := s.Rest[:IndexBlank(s.Rest)]
	if len(name) == 0 || bytes.ContainsAny(name, `"+`) || bytes.HasPrefix(s.Rest, []byte(subject.Start)) {
		return 0
	}
	s.Rest = s.Rest[len(name):]
	if !bytes.HasSuffix(name, []byte("]:")) && string(name) != "kernel:" { // a host
		s.Blanks()
		second := s.Rest[:IndexBlank(s.Rest)]
		if name[len(name)-1] == ':' || !bytes.HasSuffix(second, []byte(":")) || bytes.ContainsAny(second, `"(`) || second[0] == '0' || bytes.EqualFold(second, []byte(subject.Label)) {
			return 0
		}
		c.add(name)
		name, s.Rest = second, s.Rest[len(second):]
	}
	c.add(name)
	return len(t) - len(s.Rest)
}

// word reads the tag, "kernel:", the date of syslog and logcat's "W/tag( 12):".
func (c *Carrier) word(t []byte, subject *Subject) int {
	switch {
	case bytes.HasPrefix(t, []byte(subject.Tag)) && bytes.HasPrefix(t[len(subject.Tag):], []byte(":")):
		c.Tagged = true
		return len(subject.Tag) + 1
	case bytes.HasPrefix(t, []byte("kernel:")):
		return len("kernel:")
	case len(t) > 2 && t[1] == '/':
		if i := bytes.Index(t[:min(len(t), 64)], []byte("): ")); i > 0 {
			c.Tagged = c.Tagged || bytes.Contains(t[:i], []byte(subject.Tag))
			return i + 2
		}
	case t[0] <= 'Z':
		if n := month(t); n > 0 {
			c.Timed = true
			return n + c.sender(t[n:], subject)
		}
	}
	return 0
}

// month reads "Nov 23 01:13:44", "Mon Nov 23 01:13:44" or "Nov23 01:13".
func month(t []byte) int {
	s := Scan{Rest: t}
	s.oneOf("MonTueWedThuFriSatSun")
	if !s.oneOf("JanFebMarAprMayJunJulAugSepOctNovDec") {
		return 0
	}
	_, ok := s.Dec()
	s.Blanks()
	token := s.Rest[:IndexBlank(s.Rest)]
	if !ok || len(token) < 5 || bytes.IndexByte(token, ':') != 2 {
		return 0
	}
	return len(t) - len(s.Rest) + len(token)
}

// oneOf reads one of the names of three letters, and the blanks behind it.
func (s *Scan) oneOf(names string) bool {
	if len(s.Rest) < 3 || strings.Index(names, string(s.Rest[:3]))%3 != 0 {
		return false
	}
	s.Rest = s.Rest[3:]
	s.Blanks()
	return true
}

// stripLike removes from the start of b what has the shape of prefix: runs of
// digits and of blanks may differ, and so may the colon and the hyphen of grep. If
// only the first words of prefix are there, it removes those: the prefix of a header
// may have ended in "BUG: memory leak".
func StripLike(b, prefix []byte) []byte {
	rest, words := b, b // words: behind the last whole word
	named := false      // more than numbers
	for len(prefix) > 0 {
		if len(rest) == 0 {
			return words
		}
		p, r := LeadingDigits(prefix), LeadingDigits(rest)
		switch {
		case p > 0 && r > 0:
			prefix, rest = prefix[p:], rest[r:]
		case r > 0 && IsBlank(prefix[0]) && LeadingDigits(TrimLeft(prefix)) > 0: // padded
			prefix = TrimLeft(prefix)
		case p > 0 && IsBlank(rest[0]) && LeadingDigits(TrimLeft(rest)) > 0:
			rest = TrimLeft(rest)
		case IsBlank(prefix[0]) && IsBlank(rest[0]):
			prefix, rest = TrimLeft(prefix), TrimLeft(rest)
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
