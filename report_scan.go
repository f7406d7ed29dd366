// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "bytes"

// A scan reads the parts of one line from left to right.
//
// Every method that fails leaves b where it was. If it failed only because the
// text ended, short is set: with more text, such as the next line of a paragraph
// that a mailer has wrapped, it might have matched.
type scan struct {
	b     []byte
	short bool
}

// blanks passes over spaces and tabs.
func (s *scan) blanks() {
	for len(s.b) > 0 && (s.b[0] == ' ' || s.b[0] == '\t') {
		s.b = s.b[1:]
	}
}

// lit passes over exactly the text want.
func (s *scan) lit(want string) bool {
	if len(s.b) >= len(want) {
		if string(s.b[:len(want)]) != want {
			return false
		}
		s.b = s.b[len(want):]
		return true
	}
	if string(s.b) == want[:len(s.b)] {
		s.short = true
	}
	return false
}

// word is lit where a line may have been wrapped: blanks before it do not count.
func (s *scan) word(want string) bool {
	before := s.b
	s.blanks()
	if s.lit(want) {
		return true
	}
	s.b = before
	return false
}

// dec reads an unsigned decimal number.
func (s *scan) dec() (v uint64, ok bool) {
	i := 0
	for ; i < len(s.b) && s.b[i] >= '0' && s.b[i] <= '9'; i++ {
		d := uint64(s.b[i] - '0')
		if v > (1<<64-1-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	if i == len(s.b) {
		s.short = true
	}
	if i == 0 {
		return 0, false
	}
	s.b = s.b[i:]
	return v, true
}

// hex reads a number of 1 to 16 hexadecimal digits without prefix.
func (s *scan) hex() (v uint64, digits int, ok bool) {
	i := 0
	for ; i < len(s.b); i++ {
		d := hexValue[s.b[i]]
		if d > 15 {
			break
		}
		v = v<<4 | uint64(d)
	}
	if i == len(s.b) {
		s.short = true
	}
	if i == 0 || i > 16 {
		return 0, 0, false
	}
	s.b = s.b[i:]
	return v, i, true
}

// hexValue maps a digit to its value and every other byte to 255.
var hexValue = func() (t [256]uint8) {
	for i := range t {
		t[i] = 255
	}
	for i := range uint8(10) {
		t['0'+i] = i
	}
	for i := range uint8(6) {
		t['a'+i] = 10 + i
		t['A'+i] = 10 + i
	}
	return t
}()

// trimBlanks cuts spaces, tabs and carriage returns off both ends.
func trimBlanks(b []byte) []byte { return trimRight(trimLeft(b)) }

func trimLeft(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// indexBlank gives the index of the first space or tab, or the length of b.
func indexBlank(b []byte) int {
	if i := bytes.IndexAny(b, " \t"); i >= 0 {
		return i
	}
	return len(b)
}
