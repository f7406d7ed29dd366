// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReader(t *testing.T) {
	type line struct {
		Length, Number int
		Ended, Long    bool
	}
	tests := []struct {
		name, text string
		want       []line
	}{
		{"nothing", "", nil},
		{"no end", "ab", []line{{2, 1, false, false}}},
		{"empty lines", "\n\na\r\n", []line{{0, 1, true, false}, {0, 2, true, false}, {2, 3, true, false}}},
	}
	for _, tt := range tests {
		for _, in := range []io.Reader{strings.NewReader(tt.text), iotest.DataErrReader(strings.NewReader(tt.text))} {
			r := NewReader(in)
			var got []line
			for b, ok := r.Next(); ok; b, ok = r.Next() {
				got = append(got, line{len(b), r.Number(), r.Ended(), r.Long()})
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || r.Err() != nil {
				t.Errorf("%s: %v (-want +got):\n%s", tt.name, r.Err(), diff)
			}
			if r.Number() != len(tt.want) {
				t.Errorf("%s: %d lines at the end", tt.name, r.Number())
			}
		}
	}
	r := NewReader(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("ab"))))
	if b, ok := r.Next(); string(b) != "a" || !ok {
		t.Errorf("%q, %v before the error", b, ok)
	}
	if _, ok := r.Next(); ok || !errors.Is(r.Err(), iotest.ErrTimeout) {
		t.Errorf("%v, want %v", r.Err(), iotest.ErrTimeout)
	}
}

// How a long line is cut depends on how much is read at once.
func TestReaderLong(t *testing.T) {
	const length = 10 * maxLine
	r := NewReader(iotest.HalfReader(strings.NewReader(strings.Repeat("x", length-1) + " y\nz")))
	pieces, sum := 0, 0
	for b, ok := r.Next(); ok && r.Number() == 1; b, ok = r.Next() {
		pieces, sum = pieces+1, sum+len(b)
		if !r.Long() || len(b) > 2*maxLine || r.Ended() != (sum == length+1) {
			t.Errorf("piece %d: %d bytes, long %v, ended %v", pieces, len(b), r.Long(), r.Ended())
		}
	}
	if sum != length+1 || pieces < 5 || r.Long() {
		t.Errorf("%d bytes in %d pieces, the next line is long: %v", sum, pieces, r.Long())
	}
}
