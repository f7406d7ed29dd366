// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

// TestIntegrationInvestigate looks at commands that leak nothing, one of which fails: this
// program.
func TestIntegrationInvestigate(t *testing.T) {
	need.Kernel(t, "")
	if err := investigate(2, []string{os.Args[0], "-test.run=^$"}); err != nil {
		t.Error(err)
	}
	if err := investigate(2, []string{os.Args[0], "-no-such-flag"}); !errors.As(err, new(*exec.ExitError)) {
		t.Errorf("error %v, want that of the command", err)
	}
}
