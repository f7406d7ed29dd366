// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleaktest

import (
	"errors"
	"flag"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/kmemleak/kmemleak"
)

// holderVariable names, in the environment of a process that holds the machine's lock
// from the beginning of its tests to their end, that process. Its children inherit it:
// they would wait for the lock as long as their parent waits for them, and the parent
// finds what they lose.
const holderVariable = "KMEMLEAK_HELD_BY"

// holders is how often this process holds the lock.
var holders struct {
	sync.Mutex
	n int
}

// hold tells processes that are started from now on that this one holds the lock, until
// release is called.
func hold() (release func()) {
	holders.Lock()
	defer holders.Unlock()
	holders.n++
	os.Setenv(holderVariable, strconv.Itoa(os.Getpid()))
	return sync.OnceFunc(func() {
		holders.Lock()
		defer holders.Unlock()
		if holders.n--; holders.n == 0 {
			os.Unsetenv(holderVariable)
		}
	})
}

// isChild reports whether a process that has started this one holds the lock of d's
// machine. A program that replaces itself keeps its number, and loses the lock. What
// outlives the holder, as a terminal multiplexer may, hands on a variable that nobody is
// behind any more.
func isChild(d *kmemleak.Detector) bool {
	if d.Transport != nil {
		return false
	}
	holder, err := strconv.Atoi(os.Getenv(holderVariable))
	return err == nil && holder > 0 && holder != os.Getpid() && !gone(holder)
}

// gone reports whether a process has certainly ended. It may be hidden from any namespace
// of processes but the first (PROC_PID_INIT_INO in include/linux/proc_ns.h).
func gone(pid int) bool {
	if space, err := os.Readlink("/proc/self/ns/pid"); err != nil || space != "pid:[4026531836]" {
		return false
	}
	p, err := os.FindProcess(pid)
	return err != nil || errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// isFuzzWorker reports whether go test -fuzz has started this process, as it does many.
func isFuzzWorker() bool {
	if !flag.Parsed() {
		flag.Parse() // as M.Run does
	}
	f := flag.Lookup("test.fuzzworker")
	return f != nil && f.Value.String() == "true"
}
