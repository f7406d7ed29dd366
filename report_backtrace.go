// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/kmemleak/kmemleak/internal/logtext"
)

var (
	errFrameDepth  = formatErrorf("not as deep as a frame of this backtrace")
	errFrameForm   = formatErrorf("not of the form of the frames before it")
	errFrameOffset = formatErrorf("the offset is beyond the size")
)

// backtrace reads frames up to the next record or the end. depth is the indentation
// of the line before them.
//
// A line of a future kernel may look like a frame: a word, a word and a number, an
// address. So the frames of one backtrace have to agree with one another.
func (p *parser) backtrace(l *Leak, depth int) ([]Frame, error) {
	if p.intern.full() {
		p.intern.reset()
	}
	p.indexes = p.indexes[:0]
	var all frameClass
	left := 0 // blanks before the first frame
	for ; p.ok; p.advance() {
		if isHeader(p.line) || len(p.line) == 0 && !p.in.Long() {
			break
		}
		i, ok := p.intern.lookup(p.line)
		if !ok {
			f, form, err := p.frame()
			if err != nil {
				return p.intern.stack(p.indexes), p.fail(err.Error())
			}
			i = p.intern.add(p.line, internFrame{frame: f, form: form})
		}
		class := p.intern.class[i]
		all |= class
		var err error
		switch {
		case len(p.indexes) == 0:
			left = p.left
			if depth > 0 && class&(classSized|classBracket) == 0 && logtext.Indent(p.raw) <= depth {
				err = errFrameDepth
			}
			depth = logtext.Indent(p.raw)
		case p.left != left && logtext.Indent(p.raw) < depth:
			err = errFrameDepth
		case all.mixed():
			err = errFrameForm
		case len(p.indexes) >= maxDepth:
			err = fmt.Errorf("more than %d frames", maxDepth)
		}
		if err == nil && !p.in.Ended() && p.isCut(l, i) {
			err = errCutFrame
		}
		if err != nil {
			return p.intern.stack(p.indexes), p.fail(err.Error())
		}
		p.indexes = append(p.indexes, i)
	}
	frames := p.intern.stack(p.indexes)
	if !p.ok && p.in.Err() != nil {
		return frames, p.fail("")
	}
	return frames, nil
}

// frame reads the current line, which has to be a frame and nothing else.
func (p *parser) frame() (f Frame, form frameForm, err error) {
	if p.in.Long() || len(p.line) > maxFrame {
		return f, form, errNoFrame
	}
	f, form, rest, err := parseFrame(p.line)
	switch {
	case err != nil:
	case len(rest) > 0:
		err = errNoFrame
	case f.Func != "" && !form.bracket && !form.offset && !form.list && !f.Inlined:
		err = errNoFrame // one word may be anything
	case f.beyond():
		err = errFrameOffset
	}
	return f, form, err
}

// isCut reports whether the last line of a text that does not end with a line end
// cannot be a whole frame.
func (p *parser) isCut(l *Leak, i uint32) bool {
	f, form := p.intern.frames[i].frame, p.intern.frames[i].form
	if len(p.raw) > 0 && (p.raw[len(p.raw)-1] == ' ' || p.raw[len(p.raw)-1] == '\t') {
		return true // before the module
	}
	if form.number {
		width := 8
		if !l.PerCPU {
			width = max(width, hexLen(l.Addr))
		}
		for _, n := range p.indexes {
			if peer := p.intern.frames[n]; peer.form.number {
				width = max(width, hexLen(peer.frame.Addr))
			}
		}
		return p.line[len(p.line)-1] != ')' && hexLen(f.Addr) < width
	}
	if form.file || f.Inlined {
		return false
	}
	if isCut(f, form) || !form.offset {
		return true
	}
	if f.Module != "" {
		return false
	}
	size := fmt.Sprintf("%x", f.Size)
	for _, known := range p.intern.frames {
		k := known.frame
		if k.Func != f.Func || k.Offset != f.Offset {
			continue
		}
		if k.Size == f.Size && k.Module != "" || k.Size != f.Size && strings.HasPrefix(fmt.Sprintf("%x", k.Size), size) {
			return true
		}
	}
	return false
}

// hexLen is the number of hexadecimal digits of v.
func hexLen(v uint64) int { return max(1, (bits.Len64(v)+3)/4) }
