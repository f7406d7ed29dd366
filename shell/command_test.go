// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package shell

import (
	"io"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

// What the program says when it ends is in the error.
func TestCommandEnds(t *testing.T) {
	need.Tools(t, "dash", "sh")
	s, err := Command("sh", "-c", "echo no route to host >&2; exit 255")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		if err := s.Run(t.Context(), ":", io.Discard); err == nil || !strings.Contains(err.Error(), "no route to host") {
			t.Errorf("error %v", err)
		}
	}
}

func TestCommandMissing(t *testing.T) {
	if _, err := Command("/no/such/program"); err == nil {
		t.Error("no error")
	}
}
