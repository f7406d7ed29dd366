// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/kmemleak/kmemleak"
)

// idle is how long an input says nothing before what it has said is taken for whole: a
// kernel prints a record in less. standstill is how long if a record is not whole as yet: a
// busy console may stand still, and one that never goes on has lost the rest.
const (
	idle       = time.Second
	standstill = 10 * idle
)

// readLive calls use with the leaks of standard input and the reason why there may be
// more, whenever it is silent, and at its end. It returns the errors of use, at once if leaks
// could not be written: the input may have no end.
func (in *input) readLive(std stdio, use func([]kmemleak.Leak, error) error) error {
	defer std.progress.clear()
	progress := func(n int) { std.progress.set("reading standard input, %d leaks", n) }
	r := newLiveReader(std.in)
	var failed []error
	for progress(0); r.next(); progress(0) {
		leaks, errs := readLeaks(bufio.NewReader(r), progress)
		if len(leaks) > 0 || len(errs) > 0 {
			err := use(once(leaks), in.failure("-", leaks, errs))
			if failed = append(failed, err); errors.As(err, new(writeError)) {
				break
			}
		}
	}
	if len(failed) == 0 {
		return use(nil, in.failure("-", nil, nil))
	}
	return errors.Join(failed...)
}

// A liveReader reads an input that may stay open, such as a pipe from dmesg -w or a serial
// console. It ends whenever the input is silent behind a line end, and goes on after next.
type liveReader struct {
	pieces chan piece
	left   []byte
	err    error     // of the input, io.EOF at its end
	blank  int       // empty lines to return first
	lines  int       // that were read
	ended  bool      // in a line end
	read   bool      // something since next
	whole  bool      // it does not end before the input does
	last   time.Time // when there was something that may be of a report, since next
	open   bool      // that was the beginning of a record, without frames
}

// A piece is what one call of Read has returned.
type piece struct {
	data []byte
	err  error
}

// newLiveReader returns a liveReader of r, which it reads until the end.
func newLiveReader(r io.Reader) *liveReader {
	l := &liveReader{pieces: make(chan piece)}
	go func() {
		for {
			b := make([]byte, 64<<10)
			n, err := r.Read(b)
			l.pieces <- piece{b[:n], err}
			if err != nil {
				return
			}
		}
	}()
	return l
}

// next goes on behind the silence. It reports whether there is more. The text then begins
// with as many empty lines as were read before, so that the numbers of lines stay right.
func (l *liveReader) next() bool {
	if len(l.left) == 0 && l.err == nil {
		l.take(<-l.pieces)
	}
	if l.lines == 0 && !l.read {
		l.whole = unpacker(l.left) != nil || startsJSON(l.left) ||
			bytes.HasPrefix(l.left, []byte("\xff\xfe")) || bytes.HasPrefix(l.left, []byte("\xfe\xff"))
	}
	if len(l.left) == 0 && l.err != nil {
		return false
	}
	l.read, l.last, l.open = false, time.Time{}, false
	l.note()
	l.blank, l.lines = l.lines, 0
	return true
}

func (l *liveReader) take(p piece) {
	l.left, l.err = p.data, p.err
	l.note()
}

// note notes when there was something that may be of a report: a console that other
// messages go to is as good as silent.
func (l *liveReader) note() {
	frame := bytes.LastIndex(l.left, []byte("+0x"))
	if frame >= 0 || bytes.Contains(l.left, []byte("0x")) {
		l.last, l.open = time.Now(), l.open && frame < 0
	}
	for _, s := range []string{"unreferenced object", `comm "`, "hex dump", "backtrace"} {
		if at := bytes.LastIndex(l.left, []byte(s)); at >= 0 {
			l.last, l.open = time.Now(), l.open || at > frame
		}
	}
}

func (l *liveReader) Read(p []byte) (int, error) {
	if l.blank > 0 {
		n := min(l.blank, len(p))
		for i := range p[:n] {
			p[i] = '\n'
		}
		l.blank, l.lines = l.blank-n, l.lines+n
		return n, nil
	}
	for len(l.left) == 0 {
		if l.err != nil {
			return 0, l.err
		}
		if !l.read || !l.ended || l.whole {
			l.take(<-l.pieces)
			continue
		}
		wait := idle
		if l.open {
			wait = standstill
		}
		if !l.last.IsZero() && time.Since(l.last) > wait {
			return 0, io.EOF
		}
		silent := time.NewTimer(wait)
		select {
		case more := <-l.pieces:
			silent.Stop()
			l.take(more)
		case <-silent.C:
			return 0, io.EOF
		}
	}
	n := copy(p, l.left)
	l.lines += bytes.Count(p[:n], []byte("\n"))
	l.read, l.ended = true, p[n-1] == '\n'
	l.left = l.left[n:]
	return n, nil
}
