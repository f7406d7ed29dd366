// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import "errors"

var errLZO = errors.New("damaged LZO data")

// unpackLZO fills page with what an LZO1X block unpacks to. The format is that of
// Documentation/staging/lzo.rst of the kernel, version 0.
func unpackLZO(page, packed []byte) error {
	u := lzo{in: packed, out: page}
	err := u.unpack()
	if err == nil && (u.n != len(page) || len(u.in) > 0) {
		err = errSize
	}
	return err
}

type lzo struct {
	in, out []byte
	n       int // bytes of out that are filled
}

func (u *lzo) unpack() error {
	if len(u.in) == 0 {
		return errLZO
	}
	// literals is the number that the last instruction copied, 4 for all from 4 on.
	literals := 0
	if first := int(u.in[0]); first > 17 {
		u.in = u.in[1:]
		literals = min(first-17, 4)
		if !u.literals(first - 17) {
			return errLZO
		}
	}
	for {
		if len(u.in) == 0 {
			return errLZO
		}
		op := int(u.in[0])
		u.in = u.in[1:]
		var length, distance, next int
		ok := true
		switch {
		case op < 16 && literals == 0:
			if length, ok = u.length(op, 15); !ok || !u.literals(length+3) {
				return errLZO
			}
			literals = 4
			continue
		case op < 16:
			high, more := u.byte()
			length, distance, next, ok = 2, high<<2+op>>2+1, op&3, more
			if literals == 4 {
				length, distance = 3, distance+2048
			}
		case op < 64:
			bits, start := 7, 1<<14+op&8<<11
			if op >= 32 {
				bits, start = 31, 1
			}
			length, ok = u.length(op&bits, bits)
			low, more := u.byte()
			high, most := u.byte()
			ok = ok && more && most
			length, distance, next = length+2, start+high<<6+low>>2, low&3
			if ok && op < 32 && distance == 1<<14 {
				return nil
			}
		default:
			high, more := u.byte()
			length, distance, next, ok = op>>5+1, high<<3+op>>2&7+1, op&3, more
		}
		if !ok || !u.copy(distance, length) || !u.literals(next) {
			return errLZO
		}
		literals = next
	}
}

func (u *lzo) byte() (int, bool) {
	if len(u.in) == 0 {
		return 0, false
	}
	b := u.in[0]
	u.in = u.in[1:]
	return int(b), true
}

// length returns a length that is zero in an instruction if it is more than most.
func (u *lzo) length(n, most int) (int, bool) {
	if n != 0 {
		return n, true
	}
	for n = most; n <= len(u.out); n += 255 {
		b, ok := u.byte()
		if !ok {
			return 0, false
		}
		if b != 0 {
			return n + b, true
		}
	}
	return 0, false
}

// literals copies the next n bytes.
func (u *lzo) literals(n int) bool {
	if n > len(u.in) || n > len(u.out)-u.n {
		return false
	}
	u.n += copy(u.out[u.n:], u.in[:n])
	u.in = u.in[n:]
	return true
}

// copy copies n bytes of what was unpacked before. They may overlap with the copy.
func (u *lzo) copy(distance, n int) bool {
	if distance > u.n || n > len(u.out)-u.n {
		return false
	}
	for range n {
		u.out[u.n] = u.out[u.n-distance]
		u.n++
	}
	return true
}
