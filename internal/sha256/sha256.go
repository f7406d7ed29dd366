// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package sha256 is crypto/sha256, for fingerprints and the checks of .xz files. These keep
// no secrets. With the build tag nonet it is a small one of its own: crypto/sha256 links
// AES, SHA-3 and a generator of random numbers, 130 kB that a program for an initramfs has
// no room for.
package sha256

import (
	"encoding/binary"
	"hash"
	"math/bits"
)

// Size and BlockSize are in bytes.
const (
	Size      = 32
	BlockSize = 64
)

// The beginning of the state, and what each round adds: the first 32 bits behind the point
// of the square roots of the first 8 primes, and of the cube roots of the first 64 (FIPS
// 180-4, 4.2.2 and 5.3.3).
var (
	start = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}
	round = [64]uint32{
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
		0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
		0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
		0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
		0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
		0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
		0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
	}
)

// A digest is the small one.
type digest struct {
	state   [8]uint32
	pending []byte // less than a block
	length  uint64
}

func newDigest() hash.Hash { return &digest{state: start} }

func (d *digest) Size() int      { return Size }
func (d *digest) BlockSize() int { return BlockSize }
func (d *digest) Reset()         { *d = digest{state: start} }

func (d *digest) Write(p []byte) (int, error) {
	n := len(p)
	d.length += uint64(n)
	if len(d.pending) > 0 {
		take := min(BlockSize-len(d.pending), n)
		if d.pending, p = append(d.pending, p[:take]...), p[take:]; len(d.pending) < BlockSize {
			return n, nil
		}
		d.block(d.pending)
	}
	for ; len(p) >= BlockSize; p = p[BlockSize:] {
		d.block(p)
	}
	d.pending = append(d.pending[:0], p...)
	return n, nil
}

// Sum appends the checksum of what was written; more may be written then.
func (d *digest) Sum(b []byte) []byte {
	end := digest{state: d.state}
	last := append([]byte(nil), d.pending...)
	last = append(last, 0x80)
	for len(last)%BlockSize != BlockSize-8 {
		last = append(last, 0)
	}
	end.Write(binary.BigEndian.AppendUint64(last, d.length*8))
	for _, word := range end.state {
		b = binary.BigEndian.AppendUint32(b, word)
	}
	return b
}

// block takes the first block of p into the state (6.2.2).
func (d *digest) block(p []byte) {
	var w [64]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(p[4*i:])
	}
	for i := 16; i < len(w); i++ {
		x, y := w[i-15], w[i-2]
		w[i] = w[i-16] + w[i-7] +
			(bits.RotateLeft32(x, -7) ^ bits.RotateLeft32(x, -18) ^ x>>3) +
			(bits.RotateLeft32(y, -17) ^ bits.RotateLeft32(y, -19) ^ y>>10)
	}
	s := d.state
	for i := range w {
		a, e := s[0], s[4]
		t := s[7] + (bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)) + (e&s[5] ^ ^e&s[6]) + round[i] + w[i]
		u := (bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)) + (a&s[1] ^ a&s[2] ^ s[1]&s[2])
		s = [8]uint32{t + u, a, s[1], s[2], s[3] + t, e, s[5], s[6]}
	}
	for i := range s {
		d.state[i] += s[i]
	}
}
