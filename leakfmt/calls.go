// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"encoding/binary"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/stackkey"
)

// fromText reports whether the places of a call are those that a tool had put into
// the report. Only that tool knows how sure they are.
func fromText(c *kmemleak.Call) bool { return c.ObjectFile == "" }

// owner is the code that a leak belongs to. The name is as in the source; both are ""
// if the owner is not known.
type owner struct{ module, name string }

func ownerOf(calls []kmemleak.Call) owner {
	o := kmemleak.OwnerOf(calls)
	module, _ := o.Module()
	return owner{module, o.Func()}
}

// A memo remembers results for leaks by their backtraces, because most leaks of a
// report share a few hundred backtraces.
type memo[T any] struct {
	of     func(l kmemleak.Leak) T
	shared map[stackkey.Key[kmemleak.Frame, kmemleak.Call]]T
	equal  map[string]T
	key    []byte
}

// maxMemo is how many backtraces are remembered.
const maxMemo = 4096

func newMemo[T any](of func(kmemleak.Leak) T) *memo[T] {
	return &memo[T]{of: of, shared: make(map[stackkey.Key[kmemleak.Frame, kmemleak.Call]]T), equal: make(map[string]T)}
}

func (m *memo[T]) get(l kmemleak.Leak) T {
	at := stackkey.Of(l.Backtrace, l.Calls)
	if v, ok := m.shared[at]; ok {
		return v
	}
	v := m.alike(l)
	if len(m.shared) >= maxMemo {
		clear(m.shared)
	}
	m.shared[at] = v
	return v
}

// alike returns the result for leaks with an equal backtrace. What was found out about a leak
// before holds for no other one.
func (m *memo[T]) alike(l kmemleak.Leak) T {
	if l.Calls != nil {
		return m.of(l)
	}
	m.key = appendKey(m.key[:0], l.Backtrace)
	v, ok := m.equal[string(m.key)]
	if !ok {
		v = m.of(l)
		if len(m.equal) >= maxMemo {
			clear(m.equal)
		}
		m.equal[string(m.key)] = v
	}
	return v
}

// appendKey appends all that differs between backtraces.
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
