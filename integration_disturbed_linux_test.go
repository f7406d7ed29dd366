// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

// TestMain is also the other processes of tests: one that stops and continues this
// one, one that gives kmemleak a command without asking anybody, one that asks, one
// that looks for leaks, and one that does so in a container.
func TestMain(m *testing.M) {
	if victim := os.Getenv("KMEMLEAK_STOP"); victim != "" {
		stopAndContinue(victim)
		return
	}
	if word := os.Getenv("KMEMLEAK_WRITE"); word != "" {
		if err := bareWrite(word); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		time.Sleep(200 * time.Millisecond) // nobody can tell the name of a process that has ended
		return
	}
	if name := os.Getenv("KMEMLEAK_CONTAINER"); name != "" {
		searchContained(name)
		return
	}
	if os.Getenv("KMEMLEAK_FIND") != "" {
		if _, err := new(kmemleak.Detector).Find(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv("KMEMLEAK_LOCK") != "" {
		if _, err := new(kmemleak.Detector).Lock(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// stopAndContinue does so for a second, oftener than any scan can end, and says
// when it begins.
func stopAndContinue(victim string) {
	var pid int
	fmt.Sscan(victim, &pid)
	fmt.Println("begin")
	for start := time.Now(); time.Since(start) < time.Second; time.Sleep(15 * time.Millisecond) {
		unix.Kill(pid, unix.SIGSTOP)
		time.Sleep(5 * time.Millisecond)
		unix.Kill(pid, unix.SIGCONT)
	}
}

// disturbances are what makes the kernel end a scan early and call it a success.
var disturbances = []struct {
	name  string
	start func(t *testing.T) (stop func())
}{
	{"signals", stormOfSignals},
	{"stops", stops},
}

// stormOfSignals sends SIGURG to all threads of the process, again and again.
func stormOfSignals(t *testing.T) (stop func()) {
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		runtime.LockOSThread() // so that the sender is not among them
		for pid, self := unix.Getpid(), unix.Gettid(); ; time.Sleep(2 * time.Millisecond) {
			threads, _ := os.ReadDir("/proc/self/task")
			for _, thread := range threads {
				var tid int
				if fmt.Sscan(thread.Name(), &tid); tid != self {
					unix.Tgkill(pid, tid, unix.SIGURG)
				}
			}
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	return func() { close(done); <-ended }
}

// stops has another process stop and continue this one, again and again.
func stops(t *testing.T) (stop func()) {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("KMEMLEAK_STOP=%d", os.Getpid()))
	begin, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err == nil {
		_, err = begin.Read(make([]byte, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := child.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// bareWrite is what a program without this library does.
func bareWrite(word string) error {
	file, err := os.OpenFile("/sys/kernel/debug/kmemleak", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.WriteString(word)
	return err
}

// writeElsewhere has another process give kmemleak a command.
func writeElsewhere(t *testing.T, word string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "KMEMLEAK_WRITE="+word)
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func bareScan(t *testing.T) {
	t.Helper()
	if err := bareWrite("scan"); err != nil {
		t.Errorf("the bare scan should seem to succeed: %v", err)
	}
}

func TestIntegrationDisturbedScan(t *testing.T) {
	kernel := need.Kernel(t, "")
	for _, tt := range disturbances {
		t.Run(tt.name, func(t *testing.T) {
			d := manualScans(t)
			leakAll(t, kernel, func(h hello) (mine []kmemleak.Leak) {
				time.Sleep(minAge)
				// First the control: without protection the leaks stay hidden, or this
				// test would prove nothing.
				for range 4 {
					stop := tt.start(t)
					bareScan(t)
					stop()
				}
				if n := len(h.mine(t, d)); n != 0 {
					t.Fatalf("unprotected scans found %d leaks: they were not disturbed", n)
				}
				for scan := 0; scan < 10 && len(mine) < helloLeaks; scan++ {
					stop := tt.start(t)
					err := scanAndRead(t, h, d)
					stop()
					if err != nil {
						t.Fatal(err)
					}
					mine = h.mine(t, d)
				}
				return mine
			})
		})
	}
}

// scanAndRead scans, and reads the report all the while: a read waits for the scan,
// and a signal ends that wait.
func scanAndRead(t *testing.T, h hello, d *kmemleak.Detector) error {
	t.Helper()
	scanned := make(chan error, 1)
	go func() { scanned <- d.Scan(context.Background()) }()
	for {
		select {
		case err := <-scanned:
			return err
		default:
			h.mine(t, d)
		}
	}
}
