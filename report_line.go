// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"math"
	"time"
)

// The lines of a record, as print_unreferenced in the kernel's mm/kmemleak.c has
// printed them since 2.6.31. Each function reads one line at the start of its
// argument, which has no indentation, and gives the text after it: nothing in the
// kernel's file, the rest of the record where a paragraph has been flattened.
//
// A result of false with short set means that the line ended too early and might
// go on in the next one.

// commLen is the length of the longest thread name of today's kernels
// (TASK_COMM_LEN less its final zero), longCommLen that of a patched kernel.
//
// The rest of a comm line is at least 19 bytes long, so a name of 15 bytes cannot
// imitate it: the first end of a comm line that is at most 15 bytes away is the
// true one.
const (
	commLen     = 15
	longCommLen = 63
)

// anchor is the start of every record without its first letter, which people
// capitalise. No thread name, and no ASCII column of a hex dump, is long enough to
// hold it.
const anchor = "nreferenced object"

// parseHeader reads
//
//	unreferenced object 0xffff888101a2b3c0 (size 32):
//	unreferenced object (percpu) 0x607b97e9cab8 (size 16):
//
// into Addr, Size and PerCPU. Where the line ends after a complete address, l.Addr
// is set although ok is false.
func parseHeader(b []byte, l *Leak) (rest []byte, ok, short bool) {
	s := scan{b: b}
	if !s.lit("u"+anchor) && !s.lit("U"+anchor) {
		return b, false, s.short
	}
	if s.word("(percpu)") {
		l.PerCPU = true
	} else {
		s.word("(phys)") // never in a report, but in the kernel's code for it
	}
	s.short = false
	if !s.word("0x") {
		return b, false, s.short || len(trimBlanks(s.b)) == 0
	}
	addr, digits, ok := s.hex()
	if !ok {
		return b, false, s.short
	}
	s.short = false
	if digits >= 8 && len(s.b) > 0 {
		l.Addr = addr
	}
	if !s.word("(size") {
		return b, false, s.short || len(trimBlanks(s.b)) == 0
	}
	s.short = false
	s.blanks()
	size, ok := s.dec()
	if !ok || !s.lit(")") || !s.word(":") {
		return b, false, s.short || ok && len(trimBlanks(s.b)) == 0
	}
	l.Addr, l.Size = addr, size
	return s.b, true, false
}

// parseComm reads
//
//	comm "insmod", pid 776, jiffies 4294682844
//	comm "insmod", pid 776, jiffies 4294682844 (age 16.449s)
//
// The kernel prints the name as it is. It may hold anything, so the line is
// recognised by its end.
func parseComm(b []byte) (c commLine, rest []byte, ok, short bool) {
	s := scan{b: b}
	if !s.lit("comm") {
		return c, b, false, s.short
	}
	s.blanks()
	quote := s.lit(`"`)
	name := s.b
	for _, longest := range [...]int{commLen, longCommLen} {
		for i := min(longest, len(name)-1); i >= 0; i-- {
			if quote && name[i] != '"' || !quote && name[i] != ',' {
				continue
			}
			end := scan{b: name[i:]}
			c, ok := parseCommEnd(&end, quote)
			if ok {
				c.comm = name[:i]
				return c, end.b, true, false
			}
			short = short || end.short
		}
	}
	return c, b, false, short || len(name) <= longCommLen
}

// A commLine is what the comm line says.
type commLine struct {
	comm    []byte
	pid     int
	jiffies uint64
	age     time.Duration
}

// parseCommEnd reads the line from the quote that ends the name.
func parseCommEnd(s *scan, quote bool) (c commLine, ok bool) {
	if quote {
		s.lit(`"`)
	}
	if !s.lit(",") || !s.word("pid") {
		return c, false
	}
	s.blanks()
	negative := s.lit("-")
	pid, ok := s.dec()
	if !ok || pid > 1<<31 || pid == 1<<31 && !negative || !s.lit(",") || !s.word("jiffies") {
		return c, false
	}
	s.blanks()
	if c.jiffies, ok = s.dec(); !ok {
		return c, false
	}
	c.pid = int(int64(pid))
	if negative {
		c.pid = int(-int64(pid))
	}
	s.short = false
	if !s.word("(age") {
		return c, true
	}
	c.age, ok = parseAge(s)
	return c, ok
}

// parseAge reads the rest of "(age 16.449s)".
func parseAge(s *scan) (time.Duration, bool) {
	s.blanks()
	seconds, ok := s.dec()
	if !ok || !s.lit(".") {
		return 0, false
	}
	digits := len(s.b)
	millis, ok := s.dec()
	digits -= len(s.b)
	if !ok || digits != 3 || seconds >= math.MaxInt64/uint64(time.Second) || !s.lit("s)") {
		return 0, false
	}
	return time.Duration(seconds)*time.Second + time.Duration(millis)*time.Millisecond, true
}

// parseHexHeader reads
//
//	hex dump (first 32 bytes):
//	hex dump (first 8 bytes on cpu 9):
//
// into the number of bytes that follow and, if perCPU, the processor.
func parseHexHeader(b []byte) (n int, perCPU bool, cpu int, rest []byte, ok, short bool) {
	s := scan{b: b}
	if !s.lit("hex dump") && !s.lit("HEX dump") || !s.word("(first") {
		return 0, false, 0, b, false, s.short
	}
	s.blanks()
	v, ok := s.dec()
	if !ok || v > maxData || !s.word("bytes") {
		return 0, false, 0, b, false, s.short
	}
	// The comma is in the first version of the patch that brought this.
	if s.lit(",") && s.word("cpu") || s.word("on cpu") {
		s.blanks()
		u, ok := s.dec()
		if !ok || u > 1<<31-1 {
			return 0, false, 0, b, false, s.short
		}
		perCPU, cpu = true, int(u)
	}
	s.short = false
	if !s.lit("):") {
		return 0, false, 0, b, false, s.short
	}
	return int(v), perCPU, cpu, s.b, true, false
}

// maxData bounds how many bytes a hex dump may announce. Kernels dump 32.
const maxData = 4096

// rowLen is the number of bytes in one row of a hex dump.
const rowLen = 16

// parseHexRow reads up to want bytes of a row like
//
//	6b 6b 6b 6b 6b 6b 6b a5                          kkkkkkk.
//
// and appends them to data. The column of characters is not read: it says
// nothing that the bytes do not say.
func parseHexRow(data, b []byte, want int) (_, rest []byte) {
	for want > 0 {
		if len(b) < 2 || hexValue[b[0]] > 15 || hexValue[b[1]] > 15 {
			break
		}
		if len(b) > 2 && b[2] != ' ' && b[2] != '\t' {
			break
		}
		data = append(data, hexValue[b[0]]<<4|hexValue[b[1]])
		want--
		b = b[2:]
		if len(b) > 0 {
			b = b[1:]
		}
	}
	return data, b
}

// isByte reports whether b, what follows the bytes of a row and one blank, starts
// with one byte more.
func isByte(b []byte) bool {
	return len(b) >= 2 && hexValue[b[0]] <= 15 && hexValue[b[1]] <= 15 && (len(b) == 2 || b[2] == ' ' || b[2] == '\t')
}

// isChars reports whether b is the column of characters of the row data, but for
// blanks.
func isChars(b, data []byte) bool {
	for _, c := range data {
		if c == ' ' {
			continue
		}
		if c < ' ' || c > '~' {
			c = '.'
		}
		b = trimLeft(b)
		if len(b) == 0 || b[0] != c {
			return false
		}
		b = b[1:]
	}
	return len(trimLeft(b)) == 0
}

// parseBacktraceHeader reads
//
//	backtrace:
//	backtrace (crc 1edb9bcf):
func parseBacktraceHeader(b []byte) (crc uint32, hasCRC bool, rest []byte, ok, short bool) {
	s := scan{b: b}
	if !s.lit("backtrace") && !s.lit("Backtrace") {
		return 0, false, b, false, s.short
	}
	if s.lit(":") {
		return 0, false, s.b, true, false
	}
	if !s.word("(crc") {
		return 0, false, b, false, s.short
	}
	s.blanks()
	v, digits, ok := s.hex()
	if !ok || digits > 8 || !s.lit("):") {
		return 0, false, b, false, s.short
	}
	return uint32(v), true, s.b, true, false
}

// isHeader reports whether a line of the kernel's file starts a record.
func isHeader(b []byte) bool {
	return len(b) > len(anchor) && b[0] == 'u' && bytes.HasPrefix(b[1:], []byte(anchor))
}
