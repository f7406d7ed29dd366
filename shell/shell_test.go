// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package shell

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// local starts a shell of this machine, as one of another.
func local(t *testing.T) *Shell {
	t.Helper()
	need.Tools(t, "dash", "sh")
	s, err := Command("sh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func say(t *testing.T, ctx context.Context, s *Shell, script string) (string, error) {
	t.Helper()
	var b bytes.Buffer
	err := s.Run(ctx, script, &b)
	return strings.TrimSpace(b.String()), err
}

// One shell runs all scripts.
func TestRun(t *testing.T) {
	s := local(t)
	for _, tt := range []struct{ script, want string }{
		{"x=1; echo first", "first"},
		{"echo $x; false\n", "1"},
		{"printf 'no line end'", "no line end"},
		{"printf '%070000d' 0 | wc -c", "70000"},
		{":", ""},
	} {
		got, err := say(t, t.Context(), s, tt.script)
		if err != nil || got != tt.want {
			t.Errorf("%q: %q, %v, want %q", tt.script, got, err, tt.want)
		}
	}
	long, err := say(t, t.Context(), s, "printf '%0200000d' 0")
	if err != nil || len(long) != 200000 {
		t.Errorf("%d bytes of a long line, %v", len(long), err)
	}
}

// What a script that was left prints later is not of the next one, which waits for its end.
func TestRunCancelled(t *testing.T) {
	s := local(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	if _, err := say(t, ctx, s, "sleep 0.3; echo late"); !errors.Is(err, why) {
		t.Errorf("%v, want %v", err, why)
	}
	got, err := say(t, t.Context(), s, "echo next")
	if diff := cmp.Diff("next", got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
