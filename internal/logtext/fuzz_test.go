// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bytes"
	"testing"
)

func FuzzText(f *testing.F) {
	f.Add([]byte("> [   12.345678][  T170] finder: lost object |a&lt;b|\n> 12:13:14 host kernel: path:\n"))
	f.Add([]byte(`- {"msg":"lost object\n\u003cp\u003e"}` + "\n\"lost object\\n\\tpath\"\n\x1b[1;31mred\x1b[0m\rblack\b\n"))
	f.Add([]byte("<div class=x>&amp;lt;=3D\\_\xc2\xa0</div>\n" + string(bytes.Repeat([]byte("x"), 75)) + "=\nMon Nov 23 01:13:44 host a: b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		in := NewText(bytes.NewReader(text), &subject)
		number := 0
		for {
			l, ok := in.Next()
			if !ok {
				break
			}
			if l.Number < max(number, 1) || l.Number > bytes.Count(text, []byte("\n"))+1 || bytes.IndexByte(l.Text, '\n') >= 0 {
				t.Fatalf("line %d after line %d: %q", l.Number, number, l.Text)
			}
			number = l.Number
			if _, rest := subject.Strip(l.Text); !bytes.HasSuffix(l.Text, rest) {
				t.Fatalf("%q without its carrier is %q", l.Text, rest)
			}
			if held := cap(in.clean.buf) + cap(in.clean.soft); held > 64*maxLine {
				t.Fatalf("%d bytes are held", held)
			}
		}
		if in.Err() != nil {
			t.Fatal(in.Err())
		}
	})
}
