// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "slices"

// An Owner is the code that a leak belongs to: the innermost that is not an
// allocator. The allocators are listed in allocator.go. The zero Owner means that the
// owner is unknown.
type Owner struct {
	// Call is the call by which the owner asked for memory, nil if only allocators
	// are known. It may be of a bare address of which nothing more is known.
	Call *Call

	// Pos is the place in Call.Pos that asked for the memory: that of the innermost
	// function inlined there that is not an allocator. It is nil if no place is known
	// with at least [Assumed] confidence.
	Pos *Pos
}

// OwnerOf returns the owner among the calls of a backtrace, the innermost first. It
// uses what a [Symbolizer] found: the owner may be a function that the printed
// backtrace lacks or does not name. The result points into calls.
func OwnerOf(calls []Call) Owner {
	for i := range calls {
		c := &calls[i]
		f := c.Frame
		f.Func = c.function()
		if !f.owns() || c.Kind == KindElided && c.Confidence < Assumed {
			continue
		}
		o := Owner{Call: c}
		places := c.trusted()
		for k := range places {
			if o.Pos = &places[k]; !isAllocator(o.Pos.Func) {
				break
			}
		}
		return o
	}
	return Owner{}
}

// Owner returns the owner of the leak, from Calls if the leak has them and otherwise
// from the backtrace. Functions that a decoding tool marked as inlined are places of
// the frame that they were inlined into, so the owner's function is the same before
// and after decoding.
func (l Leak) Owner() Owner {
	if l.Calls != nil {
		return OwnerOf(l.Calls)
	}
	i := ownerIndex(l.Backtrace)
	if i < 0 {
		return Owner{}
	}
	first := i
	for first > 0 && l.Backtrace[first-1].Inlined {
		first--
	}
	return OwnerOf(decodedCalls(l.Backtrace[first : i+1]))
}

// Func returns the name of the owner's function as in the source, see
// [Frame.BaseName]; "" if it is not known.
func (o Owner) Func() string {
	if o.Call == nil {
		return ""
	}
	return Frame{Func: o.Call.function()}.BaseName()
}

// Module returns the module that the owner is in, "" for the kernel image. If known
// is false, the module is not known.
func (o Owner) Module() (name string, known bool) {
	if o.Func() == "" || o.Call.Kind == KindElided && o.Call.ObjectFile == "" {
		return "", false
	}
	return o.Call.Module, true
}

// funcs returns the names of the owner's function and of the functions inlined into it.
func (o Owner) funcs() []string {
	if o.Call == nil {
		return nil
	}
	names := []string{o.Call.function()}
	places := o.Call.trusted()
	for _, p := range places[:max(len(places)-1, 0)] {
		names = append(names, p.Func)
	}
	return names
}

// function returns the name of a call's function: the printed one, or the one that
// was found for a bare address.
func (c *Call) function() string {
	if places := c.trusted(); c.Frame.Func == "" && len(places) > 0 {
		return places[len(places)-1].Func
	}
	return c.Frame.Func
}

// trusted returns the places of a call that may be taken as facts.
func (c *Call) trusted() []Pos {
	if c.Confidence < Assumed {
		return nil
	}
	return c.Pos
}

// decodedCalls returns the calls of a backtrace with the places that a decoding tool
// put into it. The mark at the end of a backtrace is not a call.
func decodedCalls(backtrace []Frame) []Call {
	calls := make([]Call, 0, len(backtrace))
	var inlined []Pos
	for i, f := range backtrace {
		if f.isTerminator() {
			continue
		}
		pos := Pos{Func: f.Name(), File: f.File, RawFile: f.File, Line: f.Line, Inlined: f.Inlined}
		if f.Inlined && i+1 < len(backtrace) {
			inlined = append(inlined, pos)
			continue
		}
		c := Call{Frame: f, Module: f.Module}
		if f.File != "" || len(inlined) > 0 {
			c.Pos = append(inlined, pos)
			c.Confidence = Assumed
		}
		calls = append(calls, c)
		inlined = nil
	}
	return calls
}

// ownerIndex returns the index of the owner's frame in a backtrace, -1 if it has none.
func ownerIndex(backtrace []Frame) int { return slices.IndexFunc(backtrace, Frame.owns) }

// owns reports whether a leak may belong to a frame.
func (f Frame) owns() bool { return !f.Inlined && !f.isNothing() && !isAllocator(f.Func) }

// callFrames returns the frames of a leak for options and suppressions: those of
// Calls, with the names that were found, or else those of the backtrace.
func (l Leak) callFrames() []Frame {
	if l.Calls == nil {
		return l.Backtrace
	}
	frames := make([]Frame, len(l.Calls))
	for i := range l.Calls {
		c := &l.Calls[i]
		frames[i] = c.Frame
		frames[i].Func, frames[i].Module = c.function(), c.Module
	}
	return frames
}
