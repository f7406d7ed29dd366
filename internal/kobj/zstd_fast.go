// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package kobj

import (
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is how far back Zstandard data may refer, in bytes. Decompression takes
// that much memory before anything is unpacked. Level 19 of zstd uses 8 MiB, and the
// kernel packs modules with windows of up to 2 MiB (scripts/Makefile.modinst).
const maxWindow = 64 << 20

func init() {
	fastZstd = func(r io.Reader) (io.ReadCloser, error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
}
