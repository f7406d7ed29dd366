// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"strings"
	"testing"
)

// TestUnpackLZO unpacks each kind of instruction. Pages of real dumps are in TestFacts and
// TestDump.
func TestUnpackLZO(t *testing.T) {
	const end = "\x11\x00\x00"
	tests := []struct{ name, packed, want string }{
		{"literals at the start", "\x16hello" + end, "hello"},
		{"long literals at the start", "\x1bhello worl" + end, "hello worl"},
		{"literals", "\x03hello " + end, "hello "},
		{"a long run of literals", "\x00\x02" + strings.Repeat("x", 20) + end, strings.Repeat("x", 20)},
		{"a very long run of literals", "\x00\x00\x01" + strings.Repeat("y", 274) + end, strings.Repeat("y", 274)},
		{"two literals, then 2 bytes from near", "\x13ab\x04\x00" + end, "abab"},
		{"3 bytes within 2 kB", "\x15abcd\x4c\x00" + end, "abcdabc"},
		{"8 bytes within 2 kB", "\x15abcd\xec\x00" + end, "abcdabcdabcd"},
		{"and a literal behind", "\x15abcd\xed\x00!" + end, "abcdabcdabcd!"},
		{"within 16 kB", "\x15abcd\x24\x0c\x00" + end, "abcdabcdab"},
		{"long, overlapping", "\x15abcd\x20\x01\x00\x00" + end, "abcd" + strings.Repeat("d", 34)},
	}
	for _, tt := range tests {
		want := tt.want
		got := make([]byte, len(want))
		if err := unpackLZO(got, []byte(tt.packed)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, err, want)
		}
		for n := range len(tt.packed) {
			if err := unpackLZO(make([]byte, len(want)), []byte(tt.packed[:n])); err == nil {
				t.Errorf("%s: %d of %d bytes are no error", tt.name, n, len(tt.packed))
			}
		}
		for _, size := range []int{len(want) - 1, len(want) + 1} {
			if err := unpackLZO(make([]byte, size), []byte(tt.packed)); err == nil {
				t.Errorf("%s: unpacks to %d bytes, too", tt.name, size)
			}
		}
	}
	for name, packed := range map[string]string{
		"a copy from before the start": "\x15abcd\x4c\x01" + end,
		"bytes behind the end":         "\x16hello" + end + "x",
		"nothing":                      "",
	} {
		page := bytes.Repeat([]byte{1}, 7)
		if err := unpackLZO(page[:5], []byte(packed)); err == nil || page[5] != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
