// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPosString(t *testing.T) {
	for _, tt := range []struct {
		pos  Pos
		want string
	}{
		{Pos{}, ""},
		{Pos{Func: "myfunc"}, "myfunc"},
		{Pos{Func: "myfunc", File: "hello.c"}, "myfunc hello.c"},
		{Pos{Func: "myfunc", File: "hello.c", Line: 10, Column: 3}, "myfunc hello.c:10"},
		{Pos{File: "hello.c", Line: 10, Inlined: true}, "hello.c:10 (inlined)"},
	} {
		if diff := cmp.Diff(tt.want, tt.pos.String()); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tt.pos, diff)
		}
	}
}

// Kinds, confidences and problems are read as they are written, and nothing else is.
func TestTexts(t *testing.T) {
	type text interface {
		MarshalText() ([]byte, error)
		UnmarshalText([]byte) error
	}
	for i := range uint8(32) {
		k, c, p := Kind(i), Confidence(i), Problem(i)
		for got, known := range map[text]bool{&k: k <= KindElided, &c: c <= Proved, &p: p <= ProblemOther} {
			b, err := got.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			if err := got.UnmarshalText(b); (err == nil) != known {
				t.Errorf("%q of %T %d: error %v", b, got, i, err)
			}
		}
		if k != Kind(i) || c != Confidence(i) || p != Problem(i) {
			t.Errorf("%d is read as %v, %v, %v", i, k, c, p)
		}
	}
}
