// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"mime"
	"strings"
	"testing"
)

// The standard library reads what is encoded.
func TestEncodedWords(t *testing.T) {
	for _, name := range []string{"ü", "Jörg Müller", strings.Repeat("a", 44) + "é", strings.Repeat("名", 40), "\xff bad"} {
		words := encodedWords(name)
		for _, w := range strings.Fields(words) {
			if len(w) > 75 {
				t.Errorf("%q: %s has %d bytes", name, w, len(w))
			}
		}
		got, err := new(mime.WordDecoder).DecodeHeader(words)
		if want := strings.ToValidUTF8(name, "\ufffd"); err != nil || got != want {
			t.Errorf("%q: %s is %q, error %v", name, words, got, err)
		}
	}
}
