// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build nonet

package sha256

import "hash"

// New returns a hash. Its Write returns no errors.
func New() hash.Hash { return newDigest() }

// Sum256 returns the checksum of data.
func Sum256(data []byte) (sum [Size]byte) {
	d := newDigest()
	d.Write(data)
	d.Sum(sum[:0])
	return sum
}
