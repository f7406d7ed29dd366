// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// local is the machine that this program runs on.
type local struct{ path string } // see Detector.Path

// commands is held while a command is written, by whichever Detector.
var commands sync.Mutex

// probeWord is a word that no kernel knows as a command. The kernel tests whether
// kmemleak is on before it looks at the word, so EINVAL means on.
const probeWord = "?"

func (l local) probe() error {
	err := l.command(probeWord)
	if errors.Is(err, unix.EINVAL) {
		return nil
	}
	if err == nil {
		return errors.New("the control file takes any word: it is not kmemleak's")
	}
	return err
}

func (l local) scan() error {
	// Long enough for a signal that another thread has taken from the kernel to
	// come through the Go runtime.
	const delivery = 20 * time.Millisecond
	const tries = 100 // a scan that is cut short takes no time
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	defer signal.Stop(continued)
	for range tries {
		if err := l.command("scan"); err != nil {
			return err
		}
		select {
		case <-continued:
		case <-time.After(delivery):
			// The kernel also cuts a scan short when kmemleak dies of it.
			return l.probe()
		}
	}
	return fmt.Errorf("the process was stopped and continued in each of %d tries, which cuts a scan short: %w", tries, unix.EINTR)
}

// command writes one command. The kernel matches prefixes, so word must be exact.
func (l local) command(word string) error {
	path, err := l.find()
	if err != nil {
		return err
	}
	commands.Lock()
	defer commands.Unlock()
	fd, err := openControl(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = writeUninterrupted(fd, word)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EBUSY): // EBUSY from Linux 3.4 to 5.2
		return disabled()
	}
	return &fs.PathError{Op: "write " + word + " to", Path: path, Err: err}
}

// writeUninterrupted writes word on a thread with all signals blocked. A scan
// ends at once, and successfully, when a signal is pending for the thread
// (scan_should_stop in mm/kmemleak.c), and the Go runtime sends signals to its
// own threads to preempt goroutines.
func writeUninterrupted(fd int, word string) (err error) {
	onOwnThread(func() {
		var all unix.Sigset_t
		for i := range all.Val {
			all.Val[i] = ^all.Val[i]
		}
		if err = unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
			err = fmt.Errorf("block signals: %w", err)
			return
		}
		for {
			_, err = unix.Write(fd, []byte(word))
			if err != unix.EINTR {
				return
			}
		}
	})
	return err
}

// open opens the report. The offset of a descriptor that has written a command is
// not 0 any more, so reading has its own.
func (l local) open() (io.ReadCloser, error) {
	path, err := l.find()
	if err != nil {
		return nil, err
	}
	fd, err := openControl(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return newThreadReader(os.NewFile(uintptr(fd), path)), nil // os.File survives EINTR
}

// openControl opens the control file, never with O_CREAT: debugfs answers that
// with EACCES where the file is missing.
func openControl(path string, mode int) (int, error) {
	// Path may name a saved report, which the first command would write into.
	var on unix.Statfs_t
	if err := unix.Statfs(path, &on); err == nil && int64(on.Type) != unix.DEBUGFS_MAGIC {
		return -1, fmt.Errorf("%w: %s is not a file of debugfs (to read a saved report: Parse)", ErrUnavailable, path)
	}
	for {
		fd, err := unix.Open(path, mode|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			return fd, nil
		case err == unix.EINTR:
			continue
		case err == unix.EBUSY: // up to Linux 3.2
			return -1, disabled()
		case err == unix.ENOENT:
			return -1, missing(path)
		}
		return -1, forbidden(&fs.PathError{Op: "open", Path: path, Err: err})
	}
}
