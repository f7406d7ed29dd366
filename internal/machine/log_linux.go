// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

func (l local) Dump(ctx context.Context, addr uint64) ([]LogRecord, error) {
	log, err := openKernelLog()
	if err != nil {
		return nil, err
	}
	defer unix.Close(log)
	if _, err := unix.Seek(log, 0, io.SeekEnd); err != nil {
		return nil, &fs.PathError{Op: "seek", Path: kernelLogPath, Err: err}
	}
	err = l.Command(ctx, fmt.Sprintf("dump=0x%x", addr))
	if errors.Is(err, unix.EINVAL) {
		return nil, ErrNoObject
	}
	if err != nil {
		return nil, err
	}
	return readKernelLog(log)
}

const kernelLogPath = "/dev/kmsg"

// openKernelLog opens the kernel log at its oldest record.
func openKernelLog() (fd int, err error) {
	for {
		fd, err = unix.Open(kernelLogPath, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, &fs.PathError{Op: "open", Path: kernelLogPath, Err: err}
		}
		return fd, nil
	}
}

// readKernelLog reads all records from the position of fd to the newest one.
func readKernelLog(fd int) ([]LogRecord, error) {
	var records []LogRecord
	// The kernel returns one record for each read, and fails with EINVAL if the
	// buffer is too small: its own is 8 KiB at most (CONSOLE_EXT_LOG_MAX and its
	// successors).
	buf := make([]byte, 16<<10)
	for {
		n, err := unix.Read(fd, buf)
		switch err {
		case nil:
			if n == 0 {
				return records, nil
			}
			if r, ok := ParseLogRecord(string(buf[:n])); ok {
				records = append(records, r)
			}
		case unix.EAGAIN:
			return records, nil
		case unix.EINTR, unix.EPIPE: // EPIPE: the records to read next were overwritten
		default:
			return records, &fs.PathError{Op: "read", Path: kernelLogPath, Err: err}
		}
	}
}

// kernelLog returns what kmemleak logged about why it switched itself off, oldest
// first; nil if the log cannot be read or has nothing about it.
func kernelLog() []string {
	fd, err := openKernelLog()
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	records, _ := readKernelLog(fd)
	return obituary(records)
}
