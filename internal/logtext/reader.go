// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bytes"
	"errors"
	"io"
)

// maxLine is how much of a line is looked at in one piece. It is many times the
// longest line of a kernel.
const maxLine = 64 << 10

// A Reader cuts a stream into lines in one buffer of at most twice maxLine. It
// changes nothing in them.
type Reader struct {
	r          io.Reader
	buf        []byte
	start, end int
	err        error // of r, io.EOF at the end

	number int
	long   bool
	ended  bool
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader {
	return &Reader{r: r, buf: make([]byte, 4<<10), ended: true}
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
	searched := 0
	for {
		have := r.buf[r.start:r.end]
		if i := bytes.IndexByte(have[searched:], '\n'); i >= 0 {
			i += searched
			r.start += i + 1
			r.ended = true
			return have[:i], true
		}
		searched = len(have)
		if len(have) >= maxLine {
			n := bytes.LastIndexByte(have[:maxLine], ' ') + 1
			if n == 0 {
				n = maxLine
			}
			r.start += n
			r.ended, r.long = false, true
			return have[:n], true
		}
		if r.err != nil {
			r.start = r.end
			if len(have) == 0 && r.ended {
				r.number-- // there is no such line
			}
			r.ended = false
			return have, len(have) > 0
		}
		r.fill()
	}
}

// fill reads more behind what is there.
func (r *Reader) fill() {
	switch {
	case r.start == r.end:
		r.start, r.end = 0, 0
	case r.start > 0:
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if r.end > len(r.buf)/2 && len(r.buf) < 2*maxLine {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	for range 100 {
		n, err := r.r.Read(r.buf[r.end:])
		r.end += n
		r.err = err
		if r.end == len(r.buf) && len(r.buf) < 2*maxLine { // there is a lot to read
			r.buf = append(r.buf, make([]byte, len(r.buf))...)
		}
		if n > 0 || err != nil {
			return
		}
	}
	r.err = io.ErrNoProgress
}
