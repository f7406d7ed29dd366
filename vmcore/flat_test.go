// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
)

// TestFlat reads pieces that overlap in all ways. A plain slice says what is right.
func TestFlat(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		const size = 400
		var want [size]byte
		var written [size]bool
		b := append([]byte(flatMagic), make([]byte, flatHeader-16)...)
		b[23], b[31] = 1, 1
		for range 1 + random.IntN(12) {
			at := random.IntN(size)
			data := make([]byte, random.IntN(size-at))
			for i := range data {
				data[i] = byte(random.Uint32())
				want[at+i], written[at+i] = data[i], true
			}
			b = binary.BigEndian.AppendUint64(b, uint64(at))
			b = binary.BigEndian.AppendUint64(b, uint64(len(data)))
			b = append(b, data...)
		}
		b = append(b, bytes.Repeat([]byte{0xff}, 16)...)
		f := &file{size: int64(len(b)), raw: b}
		flat, err := readFlat(f)
		if err != nil {
			t.Fatal(err)
		}
		f.flat = flat
		for range 100 {
			at := random.IntN(size)
			got := make([]byte, random.IntN(size-at))
			whole := true
			for i := range got {
				whole = whole && written[at+i]
			}
			err := f.readAt(got, int64(at))
			switch {
			case whole && (err != nil || !bytes.Equal(got, want[at:at+len(got)])):
				t.Fatalf("%d bytes at %d: %v", len(got), at, err)
			case !whole && !errors.Is(err, ErrFormat):
				t.Fatalf("%d bytes at %d, of which nobody wrote some: %v", len(got), at, err)
			}
		}
	}
}
