// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bytes"
	"strings"
)

// A Scan reads the parts of one line from left to right.
//
// A method that fails leaves Rest as it was. If it failed only because the text
// ended, it sets Short: with more text, such as the next line of a paragraph that a
// mailer has wrapped, it might have matched. No method clears Short.
type Scan struct {
	Rest  []byte // not read yet
	Short bool
}

// Blanks passes over spaces and tabs.
func (s *Scan) Blanks() {
	for len(s.Rest) > 0 && IsBlank(s.Rest[0]) {
		s.Rest = s.Rest[1:]
	}
}

// Lit passes over exactly the text want.
func (s *Scan) Lit(want string) bool {
	n := min(len(s.Rest), len(want))
	if string(s.Rest[:n]) != want[:n] {
		return false
	}
	if n < len(want) {
		s.Short = true
		return false
	}
	s.Rest = s.Rest[n:]
	return true
}

// Word is Lit where a line may have been wrapped: blanks before it do not count.
func (s *Scan) Word(want string) bool {
	before := s.Rest
	s.Blanks()
	if s.Lit(want) {
		return true
	}
	s.Rest = before
	return false
}

// Dec reads an unsigned decimal number.
func (s *Scan) Dec() (v uint64, ok bool) {
	i := 0
	for ; i < len(s.Rest) && isDigit(s.Rest[i]); i++ {
		d := uint64(s.Rest[i] - '0')
		if v > (1<<64-1-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	if i == len(s.Rest) {
		s.Short = true
	}
	if i == 0 {
		return 0, false
	}
	s.Rest = s.Rest[i:]
	return v, true
}

// Hex reads a number of 1 to 16 hexadecimal digits without prefix.
func (s *Scan) Hex() (v uint64, digits int, ok bool) {
	i := 0
	for ; i < len(s.Rest); i++ {
		d := HexDigit(s.Rest[i])
		if d > 15 {
			break
		}
		v = v<<4 | uint64(d)
	}
	if i == len(s.Rest) {
		s.Short = true
	}
	if i == 0 || i > 16 {
		return 0, 0, false
	}
	s.Rest = s.Rest[i:]
	return v, i, true
}

// HexDigit returns the value of a hexadecimal digit and 255 for every other byte.
func HexDigit(c byte) uint8 { return hexValue[c] }

var hexValue = func() (t [256]uint8) {
	for c := range t {
		t[c] = uint8(strings.Index("0123456789abcdef", strings.ToLower(string(rune(c))))) // of -1, 255
	}
	return t
}()

// Trim returns b without spaces, tabs and carriage returns at both ends, TrimLeft and
// TrimRight without those at one.
func Trim(b []byte) []byte { return TrimRight(TrimLeft(b)) }

func TrimLeft(b []byte) []byte {
	for len(b) > 0 && (IsBlank(b[0]) || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

func TrimRight(b []byte) []byte {
	for len(b) > 0 && (IsBlank(b[len(b)-1]) || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// Indent returns the number of blanks at the start of b, where a tab is four.
func Indent(b []byte) int {
	blanks := b[:len(b)-len(TrimLeft(b))]
	return len(blanks) + 3*bytes.Count(blanks, []byte("\t"))
}

// IsBlank reports whether c is a space or a tab.
func IsBlank(c byte) bool { return c == ' ' || c == '\t' }

// IndexBlank returns the index of the first space or tab, or the length of b.
func IndexBlank(b []byte) int {
	if i := bytes.IndexAny(b, " \t"); i >= 0 {
		return i
	}
	return len(b)
}

// Closing returns the index of the parenthesis that closes the one b starts with, or
// -1.
func Closing(b []byte) int {
	depth := 0
	for i, c := range b[:min(len(b), maxLine)] {
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

// LeadingDigits returns the number of decimal digits at the start of b.
func LeadingDigits(b []byte) int {
	return len(b) - len(bytes.TrimLeft(b, "0123456789"))
}

// IsDecimal reports whether b consists of decimal digits, of one at least.
func IsDecimal(b []byte) bool { return len(b) > 0 && !bytes.ContainsFunc(b, notDigit) }

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func notDigit(c rune) bool { return c < '0' || c > '9' }
