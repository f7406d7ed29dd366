// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"errors"
	"io"
)

// maxLine is how much of a line is looked at in one piece. It is many times the
// longest line of a kernel.
const maxLine = 64 << 10

// A lineReader cuts a stream into lines in one buffer of at most twice maxLine.
type lineReader struct {
	r          io.Reader
	buf        []byte
	start, end int
	err        error // of r, io.EOF at the end

	line int  // number of the line that next gave, from 1
	long bool // it is a piece of a line that does not fit into the buffer
	eol  bool // it had an end
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: r, buf: make([]byte, 4<<10), eol: true}
}

// next gives the next line without its end, valid until the next call. A line
// longer than maxLine comes in pieces, cut at a blank if there is one.
func (lr *lineReader) next() (line []byte, ok bool) {
	if lr.eol {
		lr.line++
		lr.long = false
	}
	searched := 0
	for {
		have := lr.buf[lr.start:lr.end]
		if i := bytes.IndexByte(have[searched:], '\n'); i >= 0 {
			i += searched
			lr.start += i + 1
			lr.eol = true
			return have[:i], true
		}
		searched = len(have)
		if len(have) >= maxLine {
			n := bytes.LastIndexByte(have[:maxLine], ' ') + 1
			if n == 0 {
				n = maxLine
			}
			lr.start += n
			lr.eol, lr.long = false, true
			return have[:n], true
		}
		if lr.err != nil {
			lr.start = lr.end
			if len(have) == 0 && lr.eol {
				lr.line-- // there is no such line
			}
			lr.eol = false
			return have, len(have) > 0
		}
		lr.fill()
	}
}

// fill reads more behind what is there.
func (lr *lineReader) fill() {
	switch {
	case lr.start == lr.end:
		lr.start, lr.end = 0, 0
	case lr.start > 0:
		lr.end = copy(lr.buf, lr.buf[lr.start:lr.end])
		lr.start = 0
	}
	if lr.end > len(lr.buf)/2 && len(lr.buf) < 2*maxLine {
		lr.buf = append(lr.buf, make([]byte, len(lr.buf))...)
	}
	for range 100 {
		n, err := lr.r.Read(lr.buf[lr.end:])
		lr.end += n
		lr.err = err
		if lr.end == len(lr.buf) && len(lr.buf) < 2*maxLine { // there is a lot to read
			lr.buf = append(lr.buf, make([]byte, len(lr.buf))...)
		}
		if n > 0 || err != nil {
			return
		}
	}
	lr.err = io.ErrNoProgress
}

// readError gives the error of the reader once next has given no line, nil at the
// end of the text.
func (lr *lineReader) readError() error {
	if errors.Is(lr.err, io.EOF) {
		return nil
	}
	return lr.err
}
