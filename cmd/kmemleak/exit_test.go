// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"testing"
)

// The conventions of callers: "could not look" is bad for none of them, and a wrong command
// line ends a bisection.
func TestConventionOf(t *testing.T) {
	for _, tt := range []struct {
		args []string
		// for none, leaks, could not look, could not look at all with leaks found, the
		// command failed, wrong command line
		want [6]int
	}{
		{nil, [6]int{0, 1, 2, 2, 3, 2}},
		{[]string{"-status", "bisect"}, [6]int{0, 1, 125, 125, 125, 255}},
		{[]string{"--status=bisect", "x"}, [6]int{0, 1, 125, 125, 125, 255}},
		{[]string{"-dir", "x", "-status=kselftest"}, [6]int{0, 1, 4, 1, 1, 1}},
		{[]string{"-status", "bisct"}, [6]int{0, 1, 125, 125, 125, 255}},
		{[]string{"-status"}, [6]int{0, 1, 2, 2, 3, 2}},
		{[]string{"--", "-status", "bisect"}, [6]int{0, 1, 2, 2, 3, 2}},
	} {
		exit := conventionOf(tt.args)
		got := [6]int{exit(statusNone, 0), exit(statusLeaks, 1), exit(statusError, 0), exit(statusError, 1), exit(statusCommand, 0), exit(statusUsage, 0)}
		if got != tt.want {
			t.Errorf("%v: %v, want %v", tt.args, got, tt.want)
		}
	}
}

func TestRunStatus(t *testing.T) {
	text := readFileText(t, report)
	for _, tt := range []struct {
		args  []string
		stdin string
		want  int
	}{
		{[]string{"symbolize", "-status", "bisect"}, text, 1},
		{[]string{"symbolize", "-status", "bisect", "-empty"}, "", 0},
		{[]string{"symbolize", "-status", "bisect"}, "", 125},
		{[]string{"symbolize", "-status", "bisect", "-dri", "x"}, text, 255},
		{[]string{"find", "-status", "bisect", "-leak", "204e"}, "", 255},
		{[]string{"find", "-status", "bisect", "-suppress", "missing"}, "", 125},
		{[]string{"symbolize", "-status", "kselftest"}, "", 4},
		{[]string{"symbolize", "-status", "kselftest", "-", "missing"}, text, 1},
		{[]string{"symbolise", "-status", "bisect"}, text, 255},
		{[]string{"find", "./missing", "-status", "kselftest"}, "", 2}, // the flag is the command's
	} {
		if got := runWith(t, tt.stdin, tt.args...); got.Status != tt.want {
			t.Errorf("%v: %+v, want status %d", tt.args, got, tt.want)
		}
	}
}
