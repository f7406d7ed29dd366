// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package sha256

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"testing"
)

// The standard library computes the same, however the data is cut.
func TestSum256(t *testing.T) {
	data := bytes.Repeat([]byte("kmemleak"), 40)
	for n := range data {
		compare(t, data[:n], n/3)
	}
}

func FuzzSum256(f *testing.F) {
	f.Add([]byte("abc"), 1)
	f.Add(make([]byte, 64), 63)
	f.Fuzz(compare)
}

func compare(t *testing.T, data []byte, cut int) {
	want := sha256.Sum256(data)
	if got := Sum256(data); got != want {
		t.Errorf("Sum256(%x) = %x, want %x", data, got, want)
	}
	cut = min(max(cut, 0), len(data))
	for _, h := range []hash.Hash{newDigest(), New()} {
		h.Write(data)
		h.Reset()
		h.Write(data[:cut])
		if got, want := h.Sum([]byte("x")), sha256.Sum256(data[:cut]); !bytes.Equal(got, append([]byte("x"), want[:]...)) {
			t.Errorf("%T: %x: %x, want %x behind x", h, data[:cut], got, want)
		}
		h.Write(data[cut:])
		if got := h.Sum(nil); !bytes.Equal(got, want[:]) || len(got) != h.Size() || h.BlockSize() != sha256.BlockSize {
			t.Errorf("%T: %x and %x: %x, want %x", h, data[:cut], data[cut:], got, want)
		}
	}
}
