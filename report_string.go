// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// String returns the leak in the kernel's layout, with a line end after each line.
// [Parse] returns an equal Leak for it: the text is that of the kernel which prints
// everything that the Leak holds. Frames without a size get the size 0. No text
// brings back what no kernel prints: an offset beyond the size of the function.
//
// Comm is printed as it is, as the kernel does: do not send the text of an
// untrusted report to a terminal, nor Comm otherwise than with %q.
func (l Leak) String() string {
	b := make([]byte, 0, 1<<10)
	b = append(b, "unreferenced object "...)
	if l.PerCPU {
		b = append(b, "(percpu) "...)
	}
	b = fmt.Appendf(b, "0x%08x (size %d):\n", l.Addr, l.Size)
	b = append(b, `  comm "`...)
	b = append(b, l.Comm...)
	b = fmt.Appendf(b, `", pid %d, jiffies %d`, l.PID, l.Jiffies)
	if l.Age > 0 {
		b = fmt.Appendf(b, " (age %d.%03ds)", l.Age/time.Second, l.Age%time.Second/time.Millisecond)
	}
	b = append(b, '\n')
	if l.Data != nil {
		b = fmt.Appendf(b, "  hex dump (first %d bytes", len(l.Data))
		if l.PerCPU {
			b = fmt.Appendf(b, " on cpu %d", l.CPU)
		}
		b = append(b, "):\n"...)
		b = appendHexDump(b, l.Data)
	}
	b = append(b, "  backtrace"...)
	if l.Checksum != nil {
		b = append(b, " (crc "...)
		b = strconv.AppendUint(b, uint64(*l.Checksum), 16)
		b = append(b, ')')
	}
	b = append(b, ":\n"...)
	// A kernel prints all addresses or none.
	raw := slices.ContainsFunc(l.Backtrace, func(f Frame) bool { return f.Func != "" && f.Addr != 0 })
	for _, f := range l.Backtrace {
		b = append(b, "    "...)
		if raw && (f.Addr != 0 || f.Func == "") {
			b = appendBracket(b, f.Addr)
		}
		b = append(f.appendAs(b, true), '\n')
	}
	return string(b)
}

// appendBracket appends a raw address as the kernel prints it before a symbol.
func appendBracket(b []byte, addr uint64) []byte {
	if addr>>32 == 0 {
		return fmt.Appendf(b, "[<%08x>] ", addr)
	}
	return fmt.Appendf(b, "[<%016x>] ", addr)
}

// HexDump returns Data as the kernel prints it, in rows of 16 bytes, each with an
// indentation of four blanks and a line end. It is "" without Data.
func (l Leak) HexDump() string { return string(appendHexDump(nil, l.Data)) }

// appendHexDump appends rows as print_hex_dump prints them: the characters start
// at the same column in each.
func appendHexDump(b, data []byte) []byte {
	const digits = "0123456789abcdef"
	for len(data) > 0 {
		row := data[:min(rowLen, len(data))]
		data = data[len(row):]
		b = append(b, "    "...)
		for _, c := range row {
			b = append(b, digits[c>>4], digits[c&15], ' ')
		}
		for range rowLen - len(row) {
			b = append(b, "   "...)
		}
		b = append(b, ' ')
		for _, c := range row {
			if c < ' ' || c > '~' {
				c = '.'
			}
			b = append(b, c)
		}
		b = append(b, '\n')
	}
	return b
}
