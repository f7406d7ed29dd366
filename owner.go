// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"

	"github.com/kmemleak/kmemleak/internal/blame"
)

// An Owner is the code that a leak most likely belongs to: the innermost that is not an
// allocator and is not passed. What is passed serves any caller, such as the kernel's
// library, or returns what it makes, so that the leak is of its caller. The way stops above
// a system call, a work queue and the like, and guesses by a name do not lead to a bare
// address. The tables are in internal/blame; docs/guarantees.md says what the rule rests on
// and how often it is right. The zero Owner means that the owner is unknown.
type Owner struct {
	// Call is the call by which the owner asked for memory, nil if only allocators
	// are known. It may be of a bare address of which nothing more is known.
	Call *Call

	// Pos is the place in Call.Pos that asked for the memory: that of the innermost
	// function inlined there that is neither an allocator nor passed; what makes things in
	// the owner's own file counts. It is nil if no place is known with at least [Assumed]
	// confidence.
	Pos *Pos
}

// OwnerOf returns the owner among the calls of a backtrace, the innermost first. It
// uses what a [Symbolizer] found: the owner may be a function that the printed
// backtrace lacks or does not name, and files and return types decide what is passed.
// The result points into calls.
func OwnerOf(calls []Call) Owner {
	if _, i := walkCalls(calls); i >= 0 {
		return ownerAt(&calls[i])
	}
	return Owner{}
}

// Owner returns the owner of the leak, from Calls if the leak has them and otherwise
// from the backtrace. Functions that a decoding tool marked as inlined are places of
// the frame that they were inlined into.
func (l Leak) Owner() Owner {
	if l.Calls != nil {
		return OwnerOf(l.Calls)
	}
	_, i := walkFrames(l.Backtrace, true)
	if i < 0 {
		return Owner{}
	}
	first := i
	for first > 0 && l.Backtrace[first-1].Inlined {
		first--
	}
	return ownerAt(&decodedCalls(l.Backtrace[first : i+1])[0])
}

// walkCalls returns the indexes of the first call that is no allocator, and of the owner.
func walkCalls(calls []Call) (first, owner int) {
	return blame.Walk(len(calls), func(i int) (blame.Function, bool) { return calls[i].code() }, nil)
}

// walkFrames is walkCalls for frames: by names alone, or also by files that a decoding
// tool put there.
func walkFrames(frames []Frame, files bool) (first, owner int) {
	return blame.Walk(len(frames), func(i int) (f blame.Function, ok bool) {
		if files {
			f.File = frames[i].File
		}
		f.Name, f.Module = frames[i].BaseName(), frames[i].Module
		return f, !frames[i].Inlined && !frames[i].isNothing()
	}, nil)
}

// code returns what is known of a call's function, and whether a leak may belong to it.
func (c *Call) code() (f blame.Function, ok bool) {
	if places := c.trusted(); len(places) > 0 {
		f = places[len(places)-1].code(c.Module)
	}
	f.Name, f.Module = Frame{Func: c.function()}.BaseName(), c.Module
	return f, !c.Frame.Inlined && !c.Frame.isNothing() && (c.Kind != KindElided || c.Confidence >= Assumed)
}

// code returns what is known of the function of a place.
func (p Pos) code(module string) blame.Function {
	return blame.Function{Name: Frame{Func: p.Func}.BaseName(), File: cmp.Or(p.RawFile, p.File), Module: module, Returns: p.Returns}
}

// ownerAt returns a call as an owner, with the place in it that asked for the memory.
func ownerAt(c *Call) Owner {
	o := Owner{Call: c}
	if places := c.trusted(); len(places) > 0 {
		o.Pos = &places[blame.Place(len(places), func(k int) blame.Function { return places[k].code(c.Module) })]
	}
	return o
}

// Func returns the name of the owner's function, see [Frame.BaseName]; "" if it is not known.
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

// isAllocator reports whether a function, by its name as printed or in the source, is in
// the table of allocators.
func isAllocator(name string) bool { return blame.Allocator(Frame{Func: name}.BaseName()) }

// callFrames returns the frames of a leak for suppressions: those of Calls, with the names
// that were found, or else those of the backtrace. Beside them it returns the index of the
// first that is not an allocator, and that of the owner.
func (l Leak) callFrames() (frames []Frame, first, owner int) {
	if l.Calls == nil {
		first, owner = walkFrames(l.Backtrace, true)
		return l.Backtrace, first, owner
	}
	frames = make([]Frame, len(l.Calls))
	for i := range l.Calls {
		c := &l.Calls[i]
		frames[i] = c.Frame
		frames[i].Func, frames[i].Module = c.function(), c.Module
	}
	first, owner = walkCalls(l.Calls)
	return frames, first, owner
}
