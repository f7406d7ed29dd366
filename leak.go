// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"time"
)

// Leak is one record of a report: an object that was allocated and to which
// kmemleak found no pointer.
//
// The same object keeps Addr, Size, Comm, PID and Jiffies in every reading of the
// report. Age, Data, CPU and Checksum may change from one to the next, and frames
// lose their names when their module is unloaded.
type Leak struct {
	Addr      uint64        // address of the object; the kernel never hashes it
	Size      uint64        // bytes, as the allocator counts them: for kmalloc the size of the cache's objects
	PerCPU    bool          // per-CPU object: Addr is a per-CPU pointer (reported since Linux 6.12)
	CPU       int           // the CPU whose copy Data holds, for a dumped per-CPU object; else 0
	Comm      string        // name of the allocating thread, verbatim: any bytes, at most 15
	PID       int           // thread ID in the initial PID namespace; 0 for interrupts and early boot
	Jiffies   uint64        // the kernel's tick counter at the allocation
	Age       time.Duration // since the allocation, when the report was printed; 0 where the kernel does not print it (since 6.8)
	Data      []byte        // first bytes of the object, up to 32, at the time of printing; nil if not dumped
	Checksum  *Checksum     // crc of the object's content (not of the backtrace), nil if not printed (before 6.8)
	Backtrace []Frame       // innermost first, as printed, at most 16 from a kernel; an all-ones terminator of old kernels is kept
	More      int           // further objects with the same backtrace that are not printed (console since 7.2); nothing else is known of them
	Calls     []Call        // result of [Symbolizer.Backtrace] for Backtrace, see [WithSymbolizer]; nil if it was not called
}

// String returns the leak in the kernel's layout, with a line end after each line.
// [Parse] reads it as an equal Leak, but without Calls. The layout is that of the
// kernel that prints everything that the Leak holds. Frames without a size get the
// size 0. What no kernel prints there cannot be read back: More, whose line only the
// console has and only [Extract] reads, and an offset beyond the size of the function.
//
// Comm is printed unescaped, as the kernel prints it. Do not send the text of an
// untrusted report to a terminal; print Comm there with %q.
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
	if l.More > 0 {
		b = fmt.Appendf(b, "    ... and %d more object(s) with the same backtrace\n", l.More)
	}
	return string(b)
}

// Objects returns the number of objects that a record stands for: 1 and More.
func (l Leak) Objects() int { return 1 + max(0, l.More) }

// Bytes returns the size of the objects that a record stands for. The kernel prints the
// size of the first only; the others are counted with the same. Sums that 64 bits do not
// hold become the largest number.
func (l Leak) Bytes() uint64 {
	high, bytes := bits.Mul64(l.Size, uint64(l.Objects()))
	if high > 0 {
		return math.MaxUint64
	}
	return bytes
}

// Checksum is the CRC-32 that the kernel keeps of an object's content, to see whether it
// changes. That of an object of zeros is 0.
type Checksum uint32

// String returns the checksum in hex: "0x1edb9bcf".
func (c Checksum) String() string { return "0x" + strconv.FormatUint(uint64(c), 16) }

// MarshalText implements [encoding.TextMarshaler]. It returns the text of String.
func (c Checksum) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It reads a number of 32 bits, in
// hex with the prefix 0x; other text is an error.
func (c *Checksum) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(string(b), 0, 32)
	if err != nil {
		return fmt.Errorf("checksum: %w", err)
	}
	*c = Checksum(v)
	return nil
}

// appendBracket appends a raw address as the kernel prints it before a symbol.
func appendBracket(b []byte, addr uint64) []byte {
	if addr>>32 == 0 {
		return fmt.Appendf(b, "[<%08x>] ", addr)
	}
	return fmt.Appendf(b, "[<%016x>] ", addr)
}

// rowLen is the number of bytes in one row of a hex dump.
const rowLen = 16

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
