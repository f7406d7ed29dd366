// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// onOwnThread calls f on a thread of its own, and waits for the end of the thread.
//
// A thread that handles addresses of leaks and then sleeps hides the leaks from
// scans, which search its kernel stack and its task for pointers like all memory.
// There remain values that the kernel used to print the report, and the thread's
// registers, in which Go has compared or copied addresses.
func onOwnThread(f func()) {
	ended := make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			// The first thread of a process cannot end. While it is locked here, no
			// other goroutine runs on it.
			onOwnThread(f)
			runtime.UnlockOSThread()
			ended <- 0
			return
		}
		f()
		ended <- unix.Gettid()
	}()
	if tid := <-ended; tid != 0 {
		awaitEnd(tid)
	}
}

// awaitEnd waits until a thread of this process has ended, but not for ever.
func awaitEnd(tid int) {
	const patience = 100 * time.Millisecond
	for start := time.Now(); time.Since(start) < patience; time.Sleep(50 * time.Microsecond) {
		if unix.Tgkill(unix.Getpid(), tid, 0) == unix.ESRCH {
			return
		}
	}
}

// A threadReader reads a file on a thread of its own, ahead of the reader.
type threadReader struct {
	file   *os.File
	chunks chan chunk    // closed when the thread has ended
	stop   chan struct{} // closed to end it early
	rest   []byte
	err    error
}

type chunk struct {
	data []byte
	err  error
}

func newThreadReader(file *os.File) *threadReader {
	r := &threadReader{file: file, chunks: make(chan chunk, 1), stop: make(chan struct{})}
	go func() {
		defer close(r.chunks)
		onOwnThread(r.read)
	}()
	return r
}

// read collects chunks of many reads, because each read returns only a page.
func (r *threadReader) read() {
	const size = 64 << 10
	for {
		data := make([]byte, 0, size)
		var err error
		for err == nil && len(data) <= size/2 {
			var n int
			n, err = r.file.Read(data[len(data):cap(data)])
			data = data[:len(data)+n]
		}
		select {
		case r.chunks <- chunk{data, err}:
		case <-r.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

func (r *threadReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		c, ok := <-r.chunks
		if !ok {
			c.err = io.EOF
		}
		r.rest, r.err = c.data, c.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	if len(r.rest) > 0 || n > 0 {
		return n, nil
	}
	return n, r.err
}

// Close waits until the thread has ended.
func (r *threadReader) Close() error {
	close(r.stop)
	for range r.chunks {
	}
	return r.file.Close()
}

func (local) Apart(f func()) { onOwnThread(f) }
