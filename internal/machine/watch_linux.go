// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A fanotify group reports every process that writes to the control file, through any
// mount. Only writes that the kernel accepted count, so probing does not disturb.
type fanotify struct {
	group *os.File
	path  string
	ended chan bool // closed when collect has returned

	mu      sync.Mutex
	comms   map[int]string // names of processes that opened the file: they may have ended after they have written
	writers []string
}

func (l local) Watch() (Watcher, error) {
	path, err := l.find()
	if err != nil {
		return nil, err
	}
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC|unix.FAN_NONBLOCK, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fanotify_init", err)
	}
	err = unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_OPEN|unix.FAN_MODIFY, unix.AT_FDCWD, path)
	if err != nil {
		unix.Close(fd)
		return nil, &fs.PathError{Op: "watch", Path: path, Err: err}
	}
	w := &fanotify{group: os.NewFile(uintptr(fd), "fanotify"), path: path, ended: make(chan bool), comms: make(map[int]string)}
	go w.collect()
	return w, nil
}

// collect reads events as they come, while the processes still exist and can be asked
// for their names.
func (w *fanotify) collect() {
	defer close(w.ended)
	buf := make([]byte, 4096)
	for {
		n, err := w.group.Read(buf)
		if err != nil {
			return
		}
		w.note(buf[:n])
	}
}

func (w *fanotify) Others() []string {
	w.pause()
	w.mu.Lock()
	writers := w.writers
	w.writers = nil
	w.mu.Unlock()
	w.ended = make(chan bool)
	w.group.SetReadDeadline(time.Time{})
	go w.collect()
	return writers
}

// pause ends collect and reads the remaining events.
func (w *fanotify) pause() {
	w.group.SetReadDeadline(time.Unix(1, 0))
	<-w.ended
	raw, err := w.group.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		buf := make([]byte, 4096)
		for {
			n, err := unix.Read(int(fd), buf)
			if err == unix.EINTR {
				continue
			}
			if err != nil || n == 0 {
				return
			}
			w.note(buf[:n])
		}
	})
}

func (w *fanotify) Close() {
	w.pause()
	w.group.Close()
}

// note stores events: length and version of the event, mask, the file opened once
// more, process (struct fanotify_event_metadata in fanotify(7)).
func (w *fanotify) note(events []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	const size = 24
	for len(events) >= size {
		length := binary.NativeEndian.Uint32(events)
		mask := binary.NativeEndian.Uint64(events[8:])
		fd := int32(binary.NativeEndian.Uint32(events[16:]))
		pid := int(int32(binary.NativeEndian.Uint32(events[20:])))
		if fd >= 0 {
			unix.Close(int(fd))
		}
		w.event(mask, pid)
		if length < size || int64(length) > int64(len(events)) {
			return
		}
		events = events[length:]
	}
}

func (w *fanotify) event(mask uint64, pid int) {
	const most = 64
	if mask&unix.FAN_Q_OVERFLOW != 0 {
		w.add("processes too many to be noted")
		return
	}
	if pid == os.Getpid() {
		return
	}
	if comm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm"); err == nil && pid != 0 {
		if len(w.comms) >= most {
			clear(w.comms)
		}
		w.comms[pid] = strings.TrimSuffix(string(comm), "\n")
	}
	if mask&unix.FAN_MODIFY == 0 {
		return
	}
	switch comm, ok := w.comms[pid]; {
	case pid == 0:
		w.add("a process outside of this container")
	case ok:
		w.add(fmt.Sprintf("process %d (%q)", pid, comm))
	default:
		w.add(fmt.Sprintf("process %d", pid))
	}
}

func (w *fanotify) add(writer string) {
	const most = 16
	if len(w.writers) < most && !slices.Contains(w.writers, writer) {
		w.writers = append(w.writers, writer)
	}
}
