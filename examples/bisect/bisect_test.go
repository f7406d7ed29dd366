// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package bisect has a script for git bisect run, and tests of it that boot nothing.
package bisect

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

// What is no answer of kmemleak is none for a bisection, whatever its status says.
func TestBisect(t *testing.T) {
	need.Tools(t, "dash", "sh")
	const leak = "204e79c54e2fb69d"
	for _, tt := range []struct {
		name, build, boot string // BUILD, and what BOOT does
		args              []string
		want              int
	}{
		{"no leak", "true", "echo no leaks", []string{leak}, 0},
		{"the leak", "true", "echo fingerprint " + leak + "; exit 1", []string{leak}, 1},
		{"nobody can look", "true", "exit 125", []string{leak}, 125},
		{"a wrong command line", "true", "exit 255", []string{leak}, 255},
		{"does not build", "false", "echo no leaks", []string{leak}, 125},
		{"does not boot", "true", "echo panic; exit 1", []string{leak}, 125},
		{"ends early", "true", "echo powering off", []string{leak}, 125},
		{"a kernel's own status", "true", "echo no leaks; exit 139", []string{leak}, 125},
		{"another leak", "true", "echo fingerprint 204e79c54e2fb69e; exit 1", []string{leak}, 125},
		{"no fingerprint", "true", "echo no leaks", nil, 255},
		{"no BUILD", "", "echo no leaks", []string{leak}, 255},
		{"no BOOT", "true", "", []string{leak}, 255},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("sh", append([]string{"bisect.sh"}, tt.args...)...)
			cmd.Env = append(os.Environ(), "BUILD="+tt.build, "BOOT=")
			if tt.boot != "" {
				boot := filepath.Join(t.TempDir(), "boot.sh")
				if err := os.WriteFile(boot, []byte("#!/bin/sh\n"+tt.boot+"\n"), 0o777); err != nil {
					t.Fatal(err)
				}
				cmd.Env = append(cmd.Env, "BOOT="+boot)
			}
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tt.want {
				t.Errorf("status %d, want %d:\n%s", got, tt.want, &out)
			}
		})
	}
}
