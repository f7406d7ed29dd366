// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package sha256

import (
	"crypto/sha256"
	"hash"
)

// New returns a hash. Its Write returns no errors.
func New() hash.Hash { return sha256.New() }

// Sum256 returns the checksum of data.
func Sum256(data []byte) [Size]byte { return sha256.Sum256(data) }
