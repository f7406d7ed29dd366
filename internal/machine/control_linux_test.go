// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A command that waits for the end of another one waits only until its context ends.
func TestCommandQueue(t *testing.T) {
	commands <- true
	defer func() { <-commands }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	l := local{path: t.TempDir()}
	for name, err := range map[string]error{"Scan": l.Scan(ctx), "Command": l.Command(ctx, "?")} {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want the end of ctx", name, err)
		}
	}
}
