// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The lock of a machine is flock on the control file itself. A kernel has only one
// such file, the same in every mount and every container, and a process that dies
// releases it. There is no other file to agree on, and it needs no more rights than
// reading the report.

// held has the locks that this process holds, by path of the control file.
var held struct {
	sync.Mutex
	files map[string]*heldFile
}

type heldFile struct {
	fd    int
	count int
}

func (l local) Lock(ctx context.Context, waiting func()) (unlock func(), err error) {
	path, err := l.find()
	if err != nil {
		return nil, err
	}
	const interval = 50 * time.Millisecond
	for first := true; ; first = false {
		ok, err := tryLock(path)
		if err != nil {
			return nil, err
		}
		if ok {
			return sync.OnceFunc(func() { releaseLock(path) }), nil
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(interval):
		}
	}
}

// tryLock takes the lock or counts one more holder in this process, if no other
// process holds it.
func tryLock(path string) (bool, error) {
	held.Lock()
	defer held.Unlock()
	if h := held.files[path]; h != nil {
		h.count++
		return true, nil
	}
	fd, err := openControl(path, unix.O_RDONLY)
	if err != nil {
		return false, err
	}
	for {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		unix.Close(fd)
		if err == unix.EWOULDBLOCK {
			return false, nil
		}
		return false, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	if held.files == nil {
		held.files = make(map[string]*heldFile)
	}
	held.files[path] = &heldFile{fd: fd, count: 1}
	return true, nil
}

func releaseLock(path string) {
	held.Lock()
	defer held.Unlock()
	h := held.files[path]
	if h.count--; h.count == 0 {
		unix.Close(h.fd)
		delete(held.files, path)
	}
}
