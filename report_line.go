// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"math"
	"time"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

// The lines of a record, as print_unreferenced in the kernel's mm/kmemleak.c has
// printed them since 2.6.31. Each function reads one line at the start of its
// argument, which has no indentation, and returns the text after it: nothing in the
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
	s := logtext.Scan{Rest: b}
	if !s.Lit("u"+anchor) && !s.Lit("U"+anchor) {
		return b, false, s.Short
	}
	if s.Word("(percpu)") {
		l.PerCPU = true
	} else if !s.Word("(phys)") && s.Short { // never in a report, but in the kernel's code for it
		return b, false, true
	}
	if !s.Word("0x") {
		return b, false, s.Short || len(logtext.Trim(s.Rest)) == 0
	}
	addr, digits, ok := s.Hex()
	if !ok {
		return b, false, s.Short
	}
	s.Short = false
	if digits >= 8 && len(s.Rest) > 0 {
		l.Addr = addr
	}
	if !s.Word("(size") {
		return b, false, s.Short || len(logtext.Trim(s.Rest)) == 0
	}
	s.Short = false
	s.Blanks()
	size, ok := s.Dec()
	if !ok || !s.Lit(")") || !s.Word(":") {
		return b, false, s.Short || ok && len(logtext.Trim(s.Rest)) == 0
	}
	l.Addr, l.Size = addr, size
	return s.Rest, true, false
}

// parseComm reads
//
//	comm "insmod", pid 776, jiffies 4294682844
//	comm "insmod", pid 776, jiffies 4294682844 (age 16.449s)
//
// The kernel prints the name as it is. It may hold anything, so the line is
// recognised by its end.
func parseComm(b []byte) (c commLine, rest []byte, ok, short bool) {
	s := logtext.Scan{Rest: b}
	if !s.Lit("comm") {
		return c, b, false, s.Short
	}
	s.Blanks()
	quote := s.Lit(`"`)
	name := s.Rest
	for _, longest := range [...]int{commLen, longCommLen} {
		for i := min(longest, len(name)-1); i >= 0; i-- {
			if quote && name[i] != '"' || !quote && name[i] != ',' {
				continue
			}
			end := logtext.Scan{Rest: name[i:]}
			c, ok := parseCommEnd(&end, quote)
			if ok {
				c.comm = name[:i]
				return c, end.Rest, true, false
			}
			short = short || end.Short
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

// store puts what the line says into a leak. comm is the name, which leaks may share.
func (c *commLine) store(l *Leak, comm string) {
	l.Comm = comm
	l.PID, l.Jiffies, l.Age = c.pid, c.jiffies, c.age
}

// parseCommEnd reads the line from the quote that ends the name.
func parseCommEnd(s *logtext.Scan, quote bool) (c commLine, ok bool) {
	if quote {
		s.Lit(`"`)
	}
	if !s.Lit(",") || !s.Word("pid") {
		return c, false
	}
	s.Blanks()
	negative := s.Lit("-")
	pid, ok := s.Dec()
	if !ok || pid > 1<<31 || pid == 1<<31 && !negative || !s.Lit(",") || !s.Word("jiffies") {
		return c, false
	}
	s.Blanks()
	if c.jiffies, ok = s.Dec(); !ok {
		return c, false
	}
	c.pid = int(int64(pid))
	if negative {
		c.pid = int(-int64(pid))
	}
	s.Short = false
	if !s.Word("(age") {
		return c, true
	}
	c.age, ok = parseAge(s)
	return c, ok
}

// parseAge reads the rest of "(age 16.449s)".
func parseAge(s *logtext.Scan) (time.Duration, bool) {
	s.Blanks()
	seconds, ok := s.Dec()
	if !ok || !s.Lit(".") {
		return 0, false
	}
	digits := len(s.Rest)
	millis, ok := s.Dec()
	digits -= len(s.Rest)
	if !ok || digits != 3 || seconds >= math.MaxInt64/uint64(time.Second) || !s.Lit("s)") {
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
	s := logtext.Scan{Rest: b}
	if !s.Lit("hex dump") && !s.Lit("HEX dump") || !s.Word("(first") {
		return 0, false, 0, b, false, s.Short
	}
	s.Blanks()
	v, ok := s.Dec()
	if !ok || v > maxData || !s.Word("bytes") {
		return 0, false, 0, b, false, s.Short
	}
	// The comma is in the first version of the patch that brought this.
	if s.Lit(",") && s.Word("cpu") || s.Word("on cpu") {
		s.Blanks()
		u, ok := s.Dec()
		if !ok || u > 1<<31-1 {
			return 0, false, 0, b, false, s.Short
		}
		perCPU, cpu = true, int(u)
	}
	s.Short = false
	if !s.Lit("):") {
		return 0, false, 0, b, false, s.Short
	}
	return int(v), perCPU, cpu, s.Rest, true, false
}

// maxData bounds how many bytes a hex dump may announce. Kernels dump 32.
const maxData = 4096

// parseHexRow reads up to want bytes of a row like
//
//	6b 6b 6b 6b 6b 6b 6b a5                          kkkkkkk.
//
// and appends them to data. The column of characters is not read: it says
// nothing that the bytes do not say.
func parseHexRow(data, b []byte, want int) (_, rest []byte) {
	for want > 0 {
		if len(b) < 2 || logtext.HexDigit(b[0]) > 15 || logtext.HexDigit(b[1]) > 15 {
			break
		}
		if len(b) > 2 && b[2] != ' ' && b[2] != '\t' {
			break
		}
		data = append(data, logtext.HexDigit(b[0])<<4|logtext.HexDigit(b[1]))
		want--
		b = b[2:]
		if len(b) > 0 {
			b = b[1:]
		}
	}
	return data, b
}

// isHexRow reports whether b is half a row of a hex dump or more.
func isHexRow(b []byte) bool {
	data, _ := parseHexRow(nil, b, rowLen)
	return len(data) >= rowLen/2
}

// isByte reports whether b, what follows the bytes of a row and one blank, starts
// with one byte more.
func isByte(b []byte) bool {
	return len(b) >= 2 && logtext.HexDigit(b[0]) <= 15 && logtext.HexDigit(b[1]) <= 15 && (len(b) == 2 || b[2] == ' ' || b[2] == '\t')
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
		b = logtext.TrimLeft(b)
		if len(b) == 0 || b[0] != c {
			return false
		}
		b = b[1:]
	}
	return len(logtext.TrimLeft(b)) == 0
}

// parseBacktraceHeader reads
//
//	backtrace:
//	backtrace (crc 1edb9bcf):
func parseBacktraceHeader(b []byte) (crc uint32, hasCRC bool, rest []byte, ok, short bool) {
	s := logtext.Scan{Rest: b}
	if !s.Lit("backtrace") && !s.Lit("Backtrace") {
		return 0, false, b, false, s.Short
	}
	if s.Lit(":") {
		return 0, false, s.Rest, true, false
	}
	if !s.Word("(crc") {
		return 0, false, b, false, s.Short
	}
	s.Blanks()
	v, digits, ok := s.Hex()
	if !ok || digits > 8 || !s.Lit("):") {
		return 0, false, b, false, s.Short
	}
	return uint32(v), true, s.Rest, true, false
}

// parseMore reads
//
//	... and 9 more object(s) with the same backtrace
//
// which the console has since 7.2 behind the backtrace that equal ones share.
func parseMore(b []byte) (n int, ok bool) {
	s := logtext.Scan{Rest: b}
	if !s.Lit("... and ") {
		return 0, false
	}
	v, ok := s.Dec()
	return int(min(v, maxMore)), ok && v > 0 && v <= maxMore && s.Lit(" more object(s) with the same backtrace") && len(s.Rest) == 0
}

// maxMore bounds how many objects share a backtrace: more than any machine has shown.
const maxMore = 1 << 24

// isHeader reports whether a line of the kernel's file starts a record.
func isHeader(b []byte) bool {
	return len(b) > len(anchor) && b[0] == 'u' && bytes.HasPrefix(b[1:], []byte(anchor))
}
