// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// local is the machine that this program runs on.
type local struct{ path string }

// commands holds a token while a command is written, whichever machine writes it: the
// kernel can deadlock when a command that stops the scanning thread waits behind a
// scan.
var commands = make(chan bool, 1)

// Command sends word, which must be exact: the kernel matches prefixes.
func (l local) Command(ctx context.Context, word string) error {
	return l.write(ctx, word, writeUninterrupted)
}

// write writes a command by f when no other is at work.
func (l local) write(ctx context.Context, word string, f func(ctx context.Context, fd int, word string) error) error {
	path, err := l.find()
	if err != nil {
		return err
	}
	select {
	case commands <- true:
		defer func() { <-commands }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	fd, err := openControl(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = f(ctx, fd, word)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EBUSY): // EBUSY from Linux 3.4 to 5.2
		return disabled()
	}
	return &fs.PathError{Op: "write " + word + " to", Path: path, Err: err}
}

// Open uses a descriptor of its own: after a command is written, the offset of a
// descriptor is not 0.
func (l local) Open(context.Context) (io.ReadCloser, error) {
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
		case err == unix.EROFS:
			return -1, readOnly(&fs.PathError{Op: "open", Path: path, Err: err}, path)
		}
		return -1, forbidden(&fs.PathError{Op: "open", Path: path, Err: err})
	}
}
