// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrors(t *testing.T) {
	if err := fmt.Errorf("probe: %w", ErrUnavailable); !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, ErrDisabled) {
		t.Errorf("%v matches not what it should", err)
	}
	var parse *ParseError
	err := error(&ParseError{Line: 3, Text: "x", Err: formatErrorf("expected %d", 1)})
	if !errors.As(err, &parse) || !errors.Is(err, ErrFormat) {
		t.Errorf("%v matches not what it should", err)
	}
	got := []string{err.Error(), (&ParseError{Line: 4, Err: ErrFormat}).Error()}
	if diff := cmp.Diff([]string{`line 3: expected 1: "x"`, "line 4: not a kmemleak report"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
