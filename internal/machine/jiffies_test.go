// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"io"
	"io/fs"
	"strings"
	"testing"
)

// ticking is a machine whose counter moves on at the third reading.
type ticking struct {
	Machine
	read   int
	turned int // readings before TurnOver
}

func (m *ticking) TurnOver(context.Context) { m.turned = m.read }

func (m *ticking) Jiffies(context.Context) (uint64, error) {
	m.read++
	return uint64(10 + m.read/3), nil
}

func TestMark(t *testing.T) {
	m := new(ticking)
	if got, err := Mark(t.Context(), m); got != 11 || err != nil || m.turned != m.read {
		t.Errorf("%d, %v, want 11; turned over after %d readings of %d", got, err, m.turned, m.read)
	}
}

func TestParseJiffies(t *testing.T) {
	for text, want := range map[string]uint64{
		"": 0, "now at 1 nsecs\njiffies: 4294900123\njiffies: 5\n": 4294900123, "jiffies: x\n": 0, " jiffies: 3\n": 0,
	} {
		if got, err := parseJiffies(strings.NewReader(text)); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
}

func TestJiffiesError(t *testing.T) {
	_, masked := parseJiffies(strings.NewReader(""))
	for err, words := range map[error][]string{
		masked: {"masks it", "outside of containers"},
		jiffiesError(&fs.PathError{Op: "open", Path: timerList, Err: fs.ErrNotExist}):   {timerList, "subset=pid", "mount -t proc"},
		jiffiesError(&fs.PathError{Op: "open", Path: timerList, Err: fs.ErrPermission}): {timerList, "root only"},
		jiffiesError(&remoteError{"No such file or directory", fs.ErrNotExist}):         {"the other machine", "subset=pid"},
		jiffiesError(io.ErrUnexpectedEOF):                                               {io.ErrUnexpectedEOF.Error()},
	} {
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q does not say %q", err, word)
			}
		}
	}
}
