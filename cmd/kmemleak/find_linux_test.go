// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
	"github.com/kmemleak/kmemleak/kerneltest"
	"golang.org/x/sys/unix"
)

// simulated returns a kernel that commands take for this machine's.
func simulated(t *testing.T) *kerneltest.Kernel {
	k := kerneltest.New(t)
	t.Cleanup(machine.Register("", machine.Local(k.Detector().Path)))
	return k
}

// heed makes a signal count that was ignored, as nohup and shells do for what they start
// in the background. signal.Reset would leave it ignored.
func heed(sig os.Signal) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, sig)
	signal.Stop(c)
}

// TestInterrupted stops find and watch in all ways that leave time for the end: the
// kernel's own scan is on again then.
func TestInterrupted(t *testing.T) {
	for _, command := range []string{"find", "watch"} {
		for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM} {
			t.Run(command+": "+sig.String(), func(t *testing.T) {
				heed(sig)
				k := simulated(t)
				k.Write("scan=on", "")
				k.SetScanTime(time.Minute)
				done := make(chan result)
				go func() { done <- runWith(t, "", command) }()
				for k.AutoScan() { // until the search is at work
					select {
					case got := <-done:
						t.Fatalf("%+v before it was at work", got)
					case <-time.After(time.Millisecond):
					}
				}
				unix.Kill(os.Getpid(), sig)
				select {
				case got := <-done:
					if got.Status != statusError || got.Out != "" || !k.AutoScan() {
						t.Errorf("%+v, automatic scan %v, want an error and that it is on", got, k.AutoScan())
					}
				case <-time.After(10 * time.Second):
					t.Fatal("it goes on")
				}
			})
		}
	}
}

// The kernel and the shell both tell of a lost terminal, while the search ends in order.
func TestHangupTwice(t *testing.T) {
	heed(unix.SIGHUP)
	ctx, stop := untilInterrupted(t.Context())
	defer stop()
	const delivery = 50 * time.Millisecond
	for range 2 {
		unix.Kill(os.Getpid(), unix.SIGHUP) // the second one would end this program
		<-ctx.Done()
		time.Sleep(delivery)
	}
}

// What was ignored at the start, as by nohup, ends nothing.
func TestIgnored(t *testing.T) {
	heed(unix.SIGTERM)
	signal.Ignore(unix.SIGHUP)
	defer heed(unix.SIGHUP)
	ctx, stop := untilInterrupted(context.Background())
	defer stop()
	unix.Kill(os.Getpid(), unix.SIGHUP)
	time.Sleep(10 * time.Millisecond)
	unix.Kill(os.Getpid(), unix.SIGTERM)
	<-ctx.Done()
	if cause := context.Cause(ctx).Error(); !strings.Contains(cause, unix.SIGTERM.String()) {
		t.Errorf("the cause is %q, want SIGTERM", cause)
	}
}

// TestDoubts wants what a search could not make sure of to be said once.
func TestDoubts(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), unix.SIGWINCH) // what the first call starts is for no bubble
	for _, args := range [][]string{{"find"}, {"find", "-format", "json"}, {"watch"}} {
		synctest.Test(t, func(t *testing.T) {
			k := simulated(t)
			k.Alloc(kmemleak.Leak{})
			k.Fail(kerneltest.Watch, errors.ErrUnsupported)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			var out, said strings.Builder
			status := run(ctx, args, stdio{in: strings.NewReader(""), out: &out, err: &said})
			if status != statusLeaks || !strings.Contains(out.String(), "1 leak,") && len(args) == 1 {
				t.Errorf("%s: status %d, %s", args, status, &out)
			}
			all, want := out.String()+said.String(), "not sure: who else writes to the control file could not be watched: "
			if n := strings.Count(all, "not sure"); n != 1 || !strings.Contains(all, want) {
				t.Errorf("%s: %q, want %q once", args, all, want)
			}
			if len(args) > 1 && strings.Contains(out.String(), "not sure") {
				t.Errorf("%s: %q has what is for people", args, &out)
			}
		})
	}
}

// A terminal shows how much time is left.
func TestShowProgressLeft(t *testing.T) {
	p := &progress{w: io.Discard}
	option := func(now kmemleak.Progress) string {
		p.set("scan %d%s", now.Scan, left(now))
		return p.text
	}
	for want, now := range map[string]kmemleak.Progress{
		"scan 1": {Scan: 1},
		"scan 2 [                    ] about 1m1s left": {Scan: 2, Left: time.Minute + 800*time.Millisecond},
		"scan 2 [===============     ] about 30s left":  {Scan: 2, Elapsed: 90 * time.Second, Left: 30 * time.Second},
		"scan 3": {Scan: 3, Elapsed: time.Hour, Left: 400 * time.Millisecond},
	} {
		if got := option(now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
