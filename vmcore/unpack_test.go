// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"testing"
)

// FuzzUnpack unpacks arbitrary pages.
func FuzzUnpack(f *testing.F) {
	page := bytes.Repeat([]byte("0123456789abcdef"), 256)
	for name := range packings {
		packed, flag := packings[name](page)
		f.Add(packed, flag)
	}
	f.Add([]byte{0x11, 0, 0}, uint32(packedLZO))
	f.Fuzz(func(t *testing.T, packed []byte, flag uint32) {
		u := new(unpacker)
		b := make([]byte, len(page)+8)
		clear(b)
		_ = u.unpack(b[:len(page):len(page)], packed, flag)
		if !bytes.Equal(b[len(page):], make([]byte, 8)) {
			t.Error("unpacked more than a page")
		}
	})
}

// TestUnpack packs a page in each way and unpacks it; what is cut off or of another size is an
// error.
func TestUnpack(t *testing.T) {
	page := bytes.Repeat([]byte("0123456789abcdef"), 256)
	for name, pack := range packings {
		packed, flag := pack(page)
		if flag == 0 {
			continue
		}
		u := new(unpacker)
		got := make([]byte, len(page))
		for range 2 {
			if err := u.unpack(got, packed, flag); err != nil || !bytes.Equal(got, page) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for what, err := range map[string]error{
			"cut off":     u.unpack(got, packed[:len(packed)-1], flag),
			"too large":   u.unpack(got[:len(got)-1], packed, flag),
			"too small":   u.unpack(make([]byte, len(page)+1), packed, flag),
			"another way": u.unpack(got, packed, packedZlib|packedZstd),
		} {
			if err == nil {
				t.Errorf("%s, %s: no error", name, what)
			}
		}
	}
}
