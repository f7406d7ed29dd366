// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package shell

import (
	"bufio"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestGiveUp has a board from which no answer comes. If it may have made its console quiet, it
// is told to restore it, else the shell that was there must not end.
func TestGiveUp(t *testing.T) {
	for _, tt := range []struct {
		name  string
		talks time.Duration // how often the kernel prints something; 0 for never
		want  bool          // the quiet shell was started, and left again
	}{
		{"silent", 0, true},
		{"noisy", 100 * time.Millisecond, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				line, board := net.Pipe()
				heard := make(chan string)
				go func() {
					var b strings.Builder
					bufio.NewReader(board).WriteTo(&b)
					heard <- b.String()
				}()
				var kernel sync.WaitGroup
				kernel.Go(func() {
					for tt.talks > 0 {
						time.Sleep(tt.talks)
						if _, err := board.Write([]byte("[  1.0] usb\n")); err != nil {
							return
						}
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if _, err := onTerminal(ctx, line, "/proc/sys/kernel/printk"); err == nil || !strings.Contains(err.Error(), "no shell answers") {
					t.Errorf("%v", err)
				}
				got := <-heard // the line is closed
				kernel.Wait()
				if started, left := strings.Contains(got, "stty -echo"), strings.HasSuffix(got, "\x04"); started != tt.want || left != tt.want {
					t.Errorf("started %v, left %v, want %v: %q", started, left, tt.want, got)
				}
			})
		})
	}
}
