// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"encoding/binary"
)

// Reports repeat themselves: a hundred thousand leaks come from a few hundred
// places. An internTable reads each different frame line once and keeps equal
// backtraces and thread names in the same memory.
//
// Its size is bounded: a full table starts again from nothing. Leaks that were
// returned keep their memory.
type internTable struct {
	byText map[string]uint32 // frame line -> index in frames
	frames []internFrame
	lines  []internLine       // of frames
	last   uint32             // index of the last that was looked up
	stacks map[string][]Frame // indexes of frames -> backtrace
	names  map[string]string
	depth  int    // frames in stacks
	size   int    // bytes of text in byText and frames
	named  int    // bytes in names
	key    []byte // scratch for a key of stacks

	data      []byte     // what is left of a block for copies of hex dumps
	checksums []Checksum // what is left of a block for checksums
}

type internFrame struct {
	frame Frame
	form  frameForm
}

// An internLine is the line of a frame. What once came behind it likely does so again.
type internLine struct {
	text  string
	next  uint32 // index of what came behind it
	class frameClass
}

const (
	maxInternFrames = 1 << 14
	maxInternSize   = 4 << 20 // bytes of their text
	maxInternText   = 1 << 10 // longer lines are not kept
	maxInternDepth  = 1 << 16 // frames in backtraces
	maxInternNames  = 1 << 12
	maxInternNamed  = 1 << 20 // bytes of names
)

func newInternTable() *internTable {
	t := &internTable{names: make(map[string]string)}
	t.reset()
	return t
}

// reset starts again from nothing but the frames with the indexes in used, which it
// replaces by the new ones.
func (t *internTable) reset(used ...[]uint32) {
	var keep []internFrame
	for _, indexes := range used {
		for _, i := range indexes {
			keep = append(keep, t.frames[i])
		}
	}
	t.byText = make(map[string]uint32)
	clear(t.frames) // lets go of their text
	clear(t.lines)
	t.frames, t.lines, t.last = t.frames[:0], t.lines[:0], 0
	t.stacks = make(map[string][]Frame)
	t.depth, t.size = 0, 0
	for _, indexes := range used {
		for n := range indexes {
			indexes[n] = t.add(nil, keep[n])
		}
		keep = keep[len(indexes):]
	}
}

// full reports whether it is time to reset, after which indexes that add returned are
// meaningless.
func (t *internTable) full() bool {
	return len(t.frames) >= maxInternFrames || t.depth >= maxInternDepth || t.size >= maxInternSize
}

// lookup returns the index of a frame line that was added.
func (t *internTable) lookup(line []byte) (uint32, bool) {
	if len(line) == 0 || len(line) > maxInternText || len(t.lines) == 0 {
		return 0, false
	}
	last := &t.lines[t.last]
	i, ok := last.next, true
	if t.lines[i].text != string(line) {
		if i, ok = t.byText[string(line)]; !ok {
			return 0, false
		}
		last.next = i
	}
	t.last = i
	return i, true
}

// add keeps a frame under its line, if it has one that is new, and returns its index.
func (t *internTable) add(line []byte, f internFrame) uint32 {
	if i, ok := t.lookup(line); ok {
		return i
	}
	i, text := uint32(len(t.frames)), ""
	f.frame.Func = t.name(f.frame.Func)
	f.frame.Module = t.name(f.frame.Module)
	f.frame.BuildID = t.name(f.frame.BuildID)
	f.frame.File = t.name(f.frame.File)
	t.frames = append(t.frames, f)
	t.size += len(f.frame.Func) + len(f.frame.Module) + len(f.frame.BuildID) + len(f.frame.File)
	if len(line) > 0 && len(line) <= maxInternText {
		text = string(line)
		t.byText[text] = i
		t.size += len(line)
	}
	t.lines = append(t.lines, internLine{text: text, class: f.form.class(f.frame.Inlined)})
	return i
}

// stack returns the backtrace of the frames with these indexes.
func (t *internTable) stack(indexes []uint32) []Frame {
	if len(indexes) == 0 {
		return nil
	}
	t.key = t.key[:0]
	for _, i := range indexes {
		t.key = binary.NativeEndian.AppendUint32(t.key, i)
	}
	if s, ok := t.stacks[string(t.key)]; ok {
		return s
	}
	s := make([]Frame, len(indexes))
	for n, i := range indexes {
		s[n] = t.frames[i].frame
	}
	t.stacks[string(t.key)] = s
	t.depth += len(s)
	return s
}

// name returns an equal string that may be shared.
func (t *internTable) name(s string) string {
	if len(s) == 0 || len(s) > maxInternText {
		return s
	}
	if old, ok := t.names[s]; ok {
		return old
	}
	if len(t.names) >= maxInternNames || t.named >= maxInternNamed {
		clear(t.names)
		t.named = 0
	}
	t.names[s] = s
	t.named += len(s)
	return s
}

// bytesName is name for bytes: it allocates only what is new.
func (t *internTable) bytesName(b []byte) string {
	if old, ok := t.names[string(b)]; ok {
		return old
	}
	return t.name(string(b))
}

// copyData returns a copy of a hex dump, never nil. Copies share blocks of
// memory, not bytes.
func (t *internTable) copyData(b []byte) []byte {
	const block = 4 << 10
	if len(b) > block/16 {
		return bytes.Clone(b)
	}
	if len(b) > len(t.data) || t.data == nil {
		t.data = make([]byte, block)
	}
	c := t.data[:len(b):len(b)]
	copy(c, b)
	t.data = t.data[len(b):]
	return c
}

// checksum returns a pointer to a copy of c.
func (t *internTable) checksum(c Checksum) *Checksum {
	if len(t.checksums) == 0 {
		t.checksums = make([]Checksum, 64)
	}
	p := &t.checksums[0]
	*p = c
	t.checksums = t.checksums[1:]
	return p
}
