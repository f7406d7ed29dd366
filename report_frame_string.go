// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"strconv"
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// Name returns the name of the function for people: Func, demangled if it is a
// mangled Rust or C++ name. It is "" for a bare address.
func (f Frame) Name() string { return demangled(f.Func) }

// demangled returns the name of a C++ or Rust function as its programmer wrote it,
// and other names as they are.
func demangled(name string) string {
	if len(name) > 1<<10 || !strings.HasPrefix(name, "_") {
		return name
	}
	return demangle.Filter(name, demangle.MaxLength(12))
}

// String returns the frame as the kernel prints it since 6.12, without address:
// name+0xoff/0xsize [module], or 0xaddr where there is no name. What a decoding
// tool had added follows as file:line and [inline]. [ParseFrame] returns the
// same Frame, but for Addr where there is a name.
func (f Frame) String() string { return string(f.append(nil)) }

// append appends what String returns.
func (f Frame) append(b []byte) []byte { return f.appendAs(b, false) }

// appendAs appends what String returns, or the line of a report. There a name has a
// size, or source positions in parentheses, since other words are no frames; 0 stands
// for a size that is not known.
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
