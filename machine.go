// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A machine is where the kernel runs that a Detector drives: the local one, or one
// behind a [Transport].
type machine interface {
	// probe, scan, command and open are the control file. command writes one
	// command; its errors are those of Detector, EINVAL for what the kernel does
	// not know.
	probe() error
	scan() error
	command(word string) error
	open() (io.ReadCloser, error)

	dump(addr uint64) (Object, error)

	// ticks opens a text with a line "jiffies: N".
	ticks() (io.ReadCloser, error)
	// setting reads a small file of /proc or /sys, without the blanks around it.
	setting(name string) (string, error)
	// scanThread reports whether the kernel's own scanning thread runs.
	scanThread() (bool, error)

	// lock waits until no other process holds the machine's lock.
	lock(ctx context.Context, waiting func()) (unlock func(), err error)
	// watch begins to note who else writes to the control file.
	watch() (watcher, error)

	// apart calls f where its handling of addresses leaves no trace that scans find.
	apart(f func())

	// load and unload a module, given as its file.
	load(file string) error
	unload(file string) error
}

// A watcher notes who writes to the control file, other than this process.
type watcher interface {
	// others describes the writers since watch or the last call, nil if there
	// were none.
	others() []string
	close()
}

var errWatchNothing = errors.New("nobody can be watched there")

// Jiffies reads the kernel's tick counter, with which [Leak.Jiffies] is to be
// compared. It takes root: the counter is in /proc/timer_list.
//
// The counter starts 300 s before its lower 32 bits overflow. On 32-bit kernels
// it then begins anew from 0, so that later does not always mean greater: see
// [Window].
func (d *Detector) Jiffies() (uint64, error) {
	now, err := readTicks(d.machine())
	if err != nil {
		return 0, fmt.Errorf("read jiffies: %w", err)
	}
	return now, nil
}

func readTicks(m machine) (uint64, error) {
	file, err := m.ticks()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "jiffies: "); ok {
			return strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		}
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	return 0, errors.New("/proc/timer_list has no line of jiffies")
}

// isScanThread reads /proc/PID/stat: number, (name), state, and the flags of the
// task in the ninth field, with PF_KTHREAD among them (proc(5)).
func isScanThread(stat []byte) bool {
	const kernelThread = 0x00200000
	start, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if start < 0 || end < start || string(stat[start+1:end]) != "kmemleak" {
		return false
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 7 {
		return false
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return err == nil && flags&kernelThread != 0
}
