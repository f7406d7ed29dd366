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

// held has the locks that this process holds, by control file: a file that is seen in
// several mounts is one file.
var held struct {
	sync.Mutex
	files map[fileID]*heldFile
}

type fileID struct{ device, inode uint64 }

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
		fd, err := openControl(path, unix.O_RDONLY)
		if err != nil {
			return nil, err
		}
		id, ok, err := tryLock(fd)
		if err != nil {
			return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
		}
		if ok {
			return sync.OnceFunc(func() { releaseLock(id) }), nil
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

// tryLock takes the lock of an open file, or counts one more holder in this process, if
// no other process holds it. The file is closed when it is not needed any more.
func tryLock(fd int) (id fileID, ok bool, err error) {
	held.Lock()
	defer held.Unlock()
	defer func() {
		if !ok || held.files[id].fd != fd {
			unix.Close(fd)
		}
	}()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return id, false, err
	}
	id = fileID{uint64(stat.Dev), stat.Ino}
	if h := held.files[id]; h != nil {
		h.count++
		return id, true, nil
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == unix.EWOULDBLOCK {
		return id, false, nil
	}
	if err != nil {
		return id, false, err
	}
	if held.files == nil {
		held.files = make(map[fileID]*heldFile)
	}
	held.files[id] = &heldFile{fd: fd, count: 1}
	return id, true, nil
}

func releaseLock(id fileID) {
	held.Lock()
	defer held.Unlock()
	h := held.files[id]
	if h.count--; h.count == 0 {
		unix.Close(h.fd)
		delete(held.files, id)
	}
}
