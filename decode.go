// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

// A decoder adds source positions to backtraces, once for those that leaks share.
type decoder struct {
	done map[BacktraceKey][]Frame
}

func (d *decoder) decode(s *Symbolizer, backtrace []Frame) []Frame {
	if s == nil || len(backtrace) == 0 {
		return backtrace
	}
	if decoded, ok := d.done[KeyOf(backtrace)]; ok {
		return decoded
	}
	var decoded []Frame
	for _, call := range s.Backtrace(backtrace) {
		decoded = append(decoded, decodeCall(call)...)
	}
	if d.done == nil {
		d.done = make(map[BacktraceKey][]Frame)
	}
	d.done[KeyOf(backtrace)] = decoded
	return decoded
}

// decodeCall returns the frame with its position, after those inlined into it.
func decodeCall(c Call) []Frame {
	if c.Confidence < Assumed || len(c.Pos) == 0 {
		return []Frame{c.Frame}
	}
	var frames []Frame
	last := len(c.Pos) - 1
	for _, p := range c.Pos[:last] {
		frames = append(frames, Frame{Func: p.Func, Module: c.Module, File: p.File, Line: p.Line, Inlined: true})
	}
	f := c.Frame
	f.File, f.Line = c.Pos[last].File, c.Pos[last].Line
	if f.Func == "" {
		f.Func, f.Module = c.Pos[last].Func, c.Module
	}
	return append(frames, f)
}
