// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// endScan is the signal that ends a scan when it is pending for the thread that
// writes the command (scan_should_stop in mm/kmemleak.c). C libraries keep the
// real-time signals from 32 up to 41 at most for themselves. Go's runtime catches all
// others, and drops them if nothing listens.
const endScan = unix.Signal(50)

// Scan checks whether the scan was complete when the kernel reports success: a signal
// ends a scan early.
func (l local) Scan(ctx context.Context) error {
	// Long enough for a signal that another thread has taken from the kernel to
	// come through the Go runtime.
	const delivery = 20 * time.Millisecond
	const tries = 100 // a scan that is cut short takes no time
	turnover.Lock()
	endTurnover()
	turnover.Unlock()
	cut := make(chan os.Signal, 1)
	signal.Notify(cut, unix.SIGCONT, endScan)
	defer signal.Stop(cut)
	for range tries {
		if err := l.write(ctx, "scan", writeUntil); err != nil {
			return err
		}
		select {
		case <-cut:
		case <-time.After(delivery):
			// The kernel also cuts a scan short when kmemleak dies of it.
			return Probe(ctx, l)
		}
	}
	return fmt.Errorf("signals, or a stop of the process, cut the scan short in each of %d tries: %w", tries, unix.EINTR)
}

// writeUninterrupted writes word on a thread with all signals blocked. A scan
// ends at once, and successfully, when a signal is pending for the thread, and the
// Go runtime sends signals to its own threads to preempt goroutines.
func writeUninterrupted(_ context.Context, fd int, word string) (err error) {
	onOwnThread(func() {
		if err = blockSignals(); err != nil {
			return
		}
		for err = unix.EINTR; err == unix.EINTR; {
			_, err = unix.Write(fd, []byte(word))
		}
	})
	return err
}

// writeUntil is writeUninterrupted, but returns the cause of ctx when ctx ends,
// whether the kernel was done or not.
func writeUntil(ctx context.Context, fd int, word string) error {
	// Longer than the kernel takes to notice.
	const again = 5 * time.Millisecond
	var (
		tid     = make(chan int, 1)
		written = make(chan error, 1)
		noted   = make(chan bool) // closed when no more signals are sent to the thread
		ended   sync.WaitGroup
	)
	ended.Go(func() {
		onOwnThread(func() {
			err := blockSignals(endScan)
			tid <- unix.Gettid()
			for err == nil {
				_, err = unix.Write(fd, []byte(word))
				if err != unix.EINTR || ctx.Err() != nil {
					break
				}
				err = nil
			}
			written <- err
			<-noted // the ID of a thread that has ended may be another thread's
		})
	})
	defer ended.Wait()
	defer close(noted)
	thread := <-tid
	select {
	case err := <-written:
		if ctx.Err() == nil {
			return err
		}
		return context.Cause(ctx)
	case <-ctx.Done():
	}
	for {
		// One that comes shortly before the system call ends nothing.
		unix.Tgkill(unix.Getpid(), thread, endScan)
		select {
		case <-written:
			return context.Cause(ctx)
		case <-time.After(again):
		}
	}
}

// blockSignals blocks all signals but these for the calling thread.
func blockSignals(except ...unix.Signal) error {
	var set unix.Sigset_t
	for i := range set.Val {
		set.Val[i] = ^set.Val[i]
	}
	for _, s := range except {
		n := uint(s) - 1
		size := uint(unsafe.Sizeof(set.Val[0])) * 8
		set.Val[n/size] &^= 1 << (n % size)
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &set, nil); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	return nil
}
