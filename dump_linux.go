// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func (l local) dump(addr uint64) (Object, error) {
	log, err := openKernelLog()
	if err != nil {
		return Object{}, err
	}
	defer unix.Close(log)
	if _, err := unix.Seek(log, 0, io.SeekEnd); err != nil {
		return Object{}, &fs.PathError{Op: "seek", Path: kernelLogPath, Err: err}
	}
	err = l.command(fmt.Sprintf("dump=0x%x", addr))
	if errors.Is(err, unix.EINVAL) {
		return Object{}, unknownObject{}
	}
	if err != nil {
		return Object{}, err
	}
	records, err := readKernelLog(log)
	if err != nil {
		return Object{}, err
	}
	return parseDump(records, addr)
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

// readKernelLog reads all records from where fd stands to the newest one.
func readKernelLog(fd int) ([]logRecord, error) {
	var records []logRecord
	// The kernel gives one record a read and fails with EINVAL if the buffer is
	// too small: its own is 8 KiB at most (CONSOLE_EXT_LOG_MAX and its successors).
	buf := make([]byte, 16<<10)
	for {
		n, err := unix.Read(fd, buf)
		switch err {
		case nil:
			if n == 0 {
				return records, nil
			}
			if r, ok := parseLogRecord(string(buf[:n])); ok {
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

// kernelLog gives what kmemleak logged about why it gave up, oldest first; nil if
// the log cannot be read or says nothing.
func kernelLog() []string {
	fd, err := openKernelLog()
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	records, _ := readKernelLog(fd)
	return obituary(records)
}

// obituary picks the messages with which kmemleak says why it switches itself off,
// or what led to that. After the command "off" there are none.
func obituary(records []logRecord) []string {
	causes := []string{
		"Cannot allocate a kmemleak_object", "Cannot insert", "Memory pool empty", "Early log buffer exceeded",
	}
	var found []string
	for _, r := range records {
		text, ok := strings.CutPrefix(r.text, logPrefix)
		if ok && slices.ContainsFunc(causes, func(cause string) bool { return strings.Contains(text, cause) }) {
			found = append(found, text)
		}
	}
	const most = 4
	return found[max(0, len(found)-most):]
}
