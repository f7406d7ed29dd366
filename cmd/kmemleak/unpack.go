// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kmemleak/kmemleak/internal/debugfile"
)

// plain returns the text of an input: without a byte order mark, unpacked if it is packed
// as unpacker knows it, and as UTF-8 if it has the mark of UTF-16. The memory that it
// needs is bounded.
func plain(r *bufio.Reader) (*bufio.Reader, error) {
	const longest = 6 // of what files begin with
	start, _ := r.Peek(longest)
	if unpack := unpacker(start); unpack != nil {
		z, err := unpack(r, math.MaxInt64/64)
		if err != nil {
			return r, err
		}
		r = bufio.NewReader(z)
		start, _ = r.Peek(longest)
	}
	for _, mark := range []string{"\ufeff", "\xff\xfe", "\xfe\xff"} { // some editors write it
		if !bytes.HasPrefix(start, []byte(mark)) {
			continue
		}
		_, _ = r.Discard(len(mark))
		if mark[0] >= 0xfe {
			return bufio.NewReader(&utf16Reader{r: r, big: mark[0] == 0xfe}), nil
		}
	}
	return r, nil
}

// unpacker returns the function that unpacks an input which begins so, with gzip, bzip2, xz
// or zstd; nil if it is not packed.
func unpacker(start []byte) func(r io.Reader, limit int64) (io.ReadCloser, error) {
	if bytes.HasPrefix(start, []byte("BZh")) {
		return func(r io.Reader, _ int64) (io.ReadCloser, error) { return unpackBzip2(r) }
	}
	return debugfile.Unpacker(start)
}

// A utf16Reader reads UTF-16 as UTF-8.
type utf16Reader struct {
	r    *bufio.Reader
	big  bool
	left []byte // read but not returned
	kept rune   // the first half of a pair, 0 if there is none
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.left) == 0 {
		var b [2]byte
		if _, err := io.ReadFull(u.r, b[:]); err != nil {
			if err == io.ErrUnexpectedEOF {
				err = io.EOF // half a character
			}
			if u.kept != 0 && err == io.EOF {
				u.kept = 0
				u.left = utf8.AppendRune(u.left, utf8.RuneError)
				break
			}
			return 0, err
		}
		c := rune(b[0]) | rune(b[1])<<8
		if u.big {
			c = rune(b[1]) | rune(b[0])<<8
		}
		switch first := u.kept; {
		case first != 0:
			u.kept = 0
			u.left = utf8.AppendRune(u.left, utf16.DecodeRune(first, c))
		case c >= 0xd800 && c < 0xdc00:
			u.kept = c
		default:
			u.left = utf8.AppendRune(u.left, c)
		}
	}
	n := copy(p, u.left)
	u.left = u.left[n:]
	return n, nil
}
