// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"encoding/binary"
	"math"

	"github.com/kmemleak/kmemleak"
)

// Calls gives what is known of the frames of a backtrace, the innermost first: what
// [kmemleak.Symbolizer.Backtrace] finds, and else what a tool has put into the report.
// The Symbolizer may be nil. The mark that old kernels put at the end of a backtrace is
// no call, and functions that a tool has marked as inlined are places of the frame that
// they were inlined into.
func Calls(backtrace []kmemleak.Frame, s *kmemleak.Symbolizer) []kmemleak.Call {
	decoded := decodedCalls(backtrace)
	if s == nil {
		return decoded
	}
	frames := make([]kmemleak.Frame, len(decoded))
	for i, c := range decoded {
		frames[i] = c.Frame
	}
	calls := s.Backtrace(frames)
	i := 0
	for k := range calls {
		c := &calls[k]
		if c.Kind == kmemleak.Elided {
			continue
		}
		// What a tool has found out is better than nothing.
		if d := decoded[i]; len(d.Pos) > 0 && (c.Confidence == kmemleak.Unresolved || fromText(c)) {
			d.Err = c.Err
			*c = d
		}
		i++
	}
	return calls
}

// decodedCalls gives what a backtrace itself tells.
func decodedCalls(backtrace []kmemleak.Frame) []kmemleak.Call {
	calls := make([]kmemleak.Call, 0, len(backtrace))
	var inlined []kmemleak.Pos
	for i, f := range backtrace {
		if f.Func == "" && (f.Addr == math.MaxUint64 || f.Addr == math.MaxUint32) {
			continue
		}
		pos := kmemleak.Pos{Func: f.Name(), File: f.File, RawFile: f.File, Line: f.Line, Inlined: f.Inlined}
		if f.Inlined && i+1 < len(backtrace) {
			inlined = append(inlined, pos)
			continue
		}
		c := kmemleak.Call{Frame: f, Module: f.Module}
		if f.File != "" || len(inlined) > 0 {
			c.Pos = append(inlined, pos)
			c.Confidence = kmemleak.Assumed
		}
		calls = append(calls, c)
		inlined = nil
	}
	return calls
}

// fromText reports whether the places of a call are those that a tool had put into
// the report. How sure they are is for that tool to know.
func fromText(c *kmemleak.Call) bool { return c.Object == "" }

// owner names the code that the calls of a leak make the leak's owner. Name is as
// in the source; both are "" if it is not known.
type owner struct{ module, name string }

func ownerOf(calls []kmemleak.Call) owner {
	i, pos := kmemleak.OwnerCall(calls)
	if i < 0 {
		return owner{}
	}
	c := &calls[i]
	f := c.Frame
	switch {
	case f.Func != "":
		return owner{c.Module, f.BaseName()}
	case pos >= 0:
		return owner{c.Module, kmemleak.Frame{Func: c.Pos[len(c.Pos)-1].Func}.BaseName()}
	}
	return owner{}
}

// A memo remembers what was made of backtraces: most leaks of a report share a few
// hundred.
type memo[T any] struct {
	of     func(backtrace []kmemleak.Frame) T
	shared map[kmemleak.BacktraceKey]T
	equal  map[string]T
	key    []byte
}

// maxMemo is how many backtraces are remembered.
const maxMemo = 4096

func newMemo[T any](of func([]kmemleak.Frame) T) *memo[T] {
	return &memo[T]{of: of, shared: make(map[kmemleak.BacktraceKey]T), equal: make(map[string]T)}
}

func (m *memo[T]) get(backtrace []kmemleak.Frame) T {
	at := kmemleak.KeyOf(backtrace)
	if v, ok := m.shared[at]; ok {
		return v
	}
	m.key = appendKey(m.key[:0], backtrace)
	v, ok := m.equal[string(m.key)]
	if !ok {
		v = m.of(backtrace)
		if len(m.equal) >= maxMemo {
			clear(m.equal)
		}
		m.equal[string(m.key)] = v
	}
	if len(m.shared) >= maxMemo {
		clear(m.shared)
	}
	m.shared[at] = v
	return v
}

// appendKey appends what tells backtraces apart.
func appendKey(b []byte, backtrace []kmemleak.Frame) []byte {
	for _, f := range backtrace {
		for _, s := range [...]string{f.Func, f.Module, f.BuildID, f.File} {
			b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
		}
		for _, n := range [...]uint64{f.Addr, f.Offset, f.Size, uint64(f.Line)} {
			b = binary.AppendUvarint(b, n)
		}
		if f.Inlined {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	return b
}
