// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine is how much of a line is looked at in one piece. It is many times the
// longest line of a kernel.
const maxLine = 64 << 10

// A Reader cuts a stream into lines in one buffer of maxLine. It changes nothing in them.
type Reader struct {
	in   *bufio.Reader
	have []byte // what in has read and Next has not returned
	err  error  // of in, io.EOF at the end

	number int
	long   bool
	ended  bool
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, maxLine), ended: true}
}

// Number returns the number of the line that Next has returned, from 1. After the end
// it is the number of lines.
func (r *Reader) Number() int { return r.number }

// Long reports whether that was a piece of a line that does not fit into the buffer.
func (r *Reader) Long() bool { return r.long }

// Ended reports whether it ended with a line end.
func (r *Reader) Ended() bool { return r.ended }

// Err returns the error of the stream once Next has returned no line. It is nil at
// the end of the stream.
func (r *Reader) Err() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}

// Next returns the next line without its end, valid until the next call. A line of
// 64 KiB and more may come in pieces, cut at a space if there is one.
func (r *Reader) Next() (line []byte, ok bool) {
	if r.ended {
		r.number++
		r.long = false
	}
	n := bytes.IndexByte(r.have, '\n')
	for n < 0 && r.err == nil && len(r.have) < maxLine {
		n = r.more()
	}
	switch {
	case n >= 0:
		line, r.have, r.ended = r.have[:n], r.have[n+1:], true
		return line, true
	case len(r.have) >= maxLine:
		if n = bytes.LastIndexByte(r.have, ' ') + 1; n == 0 {
			n = maxLine
		}
		r.long = true
	case len(r.have) == 0 && r.ended:
		r.number-- // there is no such line
		fallthrough
	default:
		n = len(r.have)
	}
	line, r.have, r.ended = r.have[:n], r.have[n:], false
	return line, len(line) > 0
}

// more reads on, and returns the index of the first line end.
func (r *Reader) more() int {
	searched := len(r.have)
	r.in.Discard(r.in.Buffered() - searched) // what was returned
	_, r.err = r.in.Peek(searched + 1)
	r.have, _ = r.in.Peek(r.in.Buffered())
	if i := bytes.IndexByte(r.have[searched:], '\n'); i >= 0 {
		return searched + i
	}
	return -1
}
