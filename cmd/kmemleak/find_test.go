// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRunCommand(t *testing.T) {
	for _, tt := range []struct {
		name      string
		args      []string
		err, said string
		failed    bool // the command itself failed
		elsewhere bool // another machine is searched
	}{
		{"success", []string{"sh", "-c", "echo on stdout; cat; echo on stderr >&2"}, "", "on stdout\non stdin\non stderr\n", false, false},
		{"tests know who holds the lock", []string{"sh", "-c", "echo $KMEMLEAK_HELD_BY"}, "", fmt.Sprintln(os.Getpid()), false, false},
		{"nobody holds the lock of this machine", []string{"sh", "-c", "echo none: $KMEMLEAK_HELD_BY"}, "", "none:\n", false, true},
		{"failure", []string{"sh", "-c", "exit 7"}, "sh: exit status 7", "", true, false},
		{"no such program", []string{"./missing"}, "fork/exec ./missing: no such file or directory", "", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, said bytes.Buffer
			err := runCommand(t.Context(), stdio{in: strings.NewReader("on stdin\n"), out: &out, err: &said}, tt.args, !tt.elsewhere)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if diff := cmp.Diff([]string{tt.err, tt.said, ""}, []string{text, said.String(), out.String()}); diff != "" {
				t.Errorf("error, standard error, standard output (-want +got):\n%s", diff)
			}
			if got := errors.As(err, new(commandError)); got != tt.failed {
				t.Errorf("the command failed: %v", got)
			}
		})
	}
}

// An interrupted command has not failed by itself: the search could not take place.
func TestRunCommandInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := runCommand(ctx, stdio{in: strings.NewReader(""), out: new(bytes.Buffer), err: new(bytes.Buffer)}, []string{"sleep", "60"}, true)
	if err == nil || errors.As(err, new(commandError)) {
		t.Errorf("error %v", err)
	}
}
