// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Signals have the same effect on a write into a full pipe as on a scan: it ends early,
// and reports success.
func fullPipe(t *testing.T) (r, w int, word string) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return p[0], p[1], strings.Repeat("?", 1<<20)
}

func TestWriteUntil(t *testing.T) {
	interrupted := errors.New("interrupted")
	for range 50 {
		_, w, word := fullPipe(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		var ended time.Time
		// The end may come before the thread is there, and while it enters the kernel.
		time.AfterFunc(rand.N(2*time.Millisecond), func() {
			ended = time.Now()
			cancel(interrupted)
		})
		err := writeUntil(ctx, w, word)
		// Without the end of ctx it would take for ever; emulators take their time.
		if took := time.Since(ended); err != interrupted || took > 10*time.Second {
			t.Fatalf("%v, %v after the end of ctx; want its cause", err, took)
		}
	}
}

func TestWriteUntilDone(t *testing.T) {
	r, w, word := fullPipe(t)
	go func() {
		for buf := make([]byte, 1<<16); ; {
			if n, err := unix.Read(r, buf); n <= 0 && err != unix.EINTR {
				return
			}
		}
	}()
	if err := writeUntil(t.Context(), w, word); err != nil {
		t.Error(err)
	}
	if err := writeUntil(t.Context(), r, "?"); err != unix.EBADF {
		t.Errorf("%v, want EBADF", err)
	}
}
