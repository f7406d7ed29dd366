// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"math"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak/internal/resolve"
)

// Frame is one line of a backtrace.
//
// The kernel prints a name with an offset, or a bare address if it knows no name.
// Offset is that of the return address, the instruction after the call. Size is the
// distance to the next symbol in memory, which is at least the size of the function.
// See %pS in Documentation/core-api/printk-formats.rst.
type Frame struct {
	Addr   uint64 // return address; 0 if hidden, hashed beyond use or not printed
	Func   string // name as printed, not demangled; "" for a bare address
	Offset uint64 // bytes from the start of Func
	Size   uint64 // bytes from the start of Func to the next symbol; 0 if not printed
	Module string // module name as printed, always with '_' for '-'; "" for the kernel image

	BuildID string // build ID of the module in hex, "" if not printed (kmemleak itself never does)
	File    string // source file added by a tool that decoded the report; "" from the kernel
	Line    int    // line in File, from 1; 0 if unknown
	Inlined bool   // the decoding tool marked this as inlined into the next frame
}

// isTerminator reports whether f is not a frame but the mark that Linux printed at
// the end of backtraces until 5.2: an address of all ones, of 64 or 32 bits, without
// a name (save_stack_trace in arch/x86/kernel/stacktrace.c).
func (f Frame) isTerminator() bool {
	return f.Func == "" && (f.Addr == math.MaxUint64 || f.Addr == math.MaxUint32)
}

// isNothing reports whether f stands for no code: it has neither name nor address,
// which old kernels print as (null), or it is the mark at the end.
func (f Frame) isNothing() bool { return f.isTerminator() || f.Func == "" && f.Addr == 0 }

// Name returns the name of the function for people: Func, demangled if it is a
// mangled Rust or C++ name. It is "" for a bare address.
func (f Frame) Name() string { return resolve.Demangled(f.Func) }

// BaseName returns the name of the function as in the source: demangled, without
// _noprof, and without what compilers and ABIs add, such as .isra.0. It is the same
// across builds of a kernel. It is "" for a bare address.
func (f Frame) BaseName() string {
	name := f.Func
	if strings.HasPrefix(name, "_R") || strings.HasPrefix(name, "_ZN") {
		if i := strings.Index(name, ".llvm."); i > 0 {
			name = name[:i]
		}
		return Frame{Func: name}.Name()
	}
	if strings.Contains(name, "::") {
		return name
	}
	name = strings.TrimPrefix(name, ".") // entry point on 64-bit PowerPC
	// No C name has a dot: .isra.0, .constprop.0, .part.0, .cold, .llvm.123,
	// .lto_priv.0, .cfi_jt. A dollar sign is before a hash of Clang's ThinLTO.
	if i := strings.IndexAny(name, ".$"); i > 0 {
		name = name[:i]
	}
	return strings.TrimSuffix(name, "_noprof")
}

// String returns the frame as the kernel prints it since 6.12, without address:
// name+0xoff/0xsize [module], or 0xaddr if there is no name. The additions of a
// decoding tool follow as file:line and [inline]. [ParseFrame] reads it as the same
// Frame, but without Addr if there is a name.
func (f Frame) String() string { return string(f.append(nil)) }

// append appends what String returns.
func (f Frame) append(b []byte) []byte { return f.appendAs(b, false) }

// appendAs appends what String returns, or the line of a report. In a report a name
// has a size, or source positions in parentheses, because other words are not frames.
// 0 stands for an unknown size.
func (f Frame) appendAs(b []byte, report bool) []byte {
	offset := f.Offset != 0 || f.Size != 0 || strings.Contains(f.Func, "::")
	list := report && f.File != "" && !offset && !f.Inlined
	if report && !list && !f.Inlined {
		offset = true
	}
	if f.Func == "" {
		b = append(b, "0x"...)
		b = strconv.AppendUint(b, f.Addr, 16)
	} else {
		b = append(b, f.Func...)
		// A name that is not one word is recognised by the offset after it.
		if offset {
			b = append(b, "+0x"...)
			b = strconv.AppendUint(b, f.Offset, 16)
		}
		if f.Size != 0 || offset && report && !f.Inlined {
			b = append(b, "/0x"...)
			b = strconv.AppendUint(b, f.Size, 16)
		}
	}
	if f.Module != "" {
		b = append(b, " ["...)
		b = append(b, f.Module...)
		if f.BuildID != "" {
			b = append(b, ' ')
			b = append(b, f.BuildID...)
		}
		b = append(b, ']')
	}
	if f.File != "" {
		b = append(b, ' ')
		if list {
			b = append(b, '(')
		}
		b = append(b, f.File...)
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(f.Line), 10)
		if list {
			b = append(b, ')')
		}
	}
	if f.Inlined {
		b = append(b, " [inline]"...)
	}
	return b
}
