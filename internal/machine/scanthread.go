// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"bytes"
	"iter"
	"strconv"
	"strings"
)

// scanThread reports whether the kernel's own scanning thread is among the tasks, each
// given as its /proc/PID/stat. No running kernel is without threads of its own.
func scanThread(stats iter.Seq[[]byte]) (running bool, err error) {
	err = ErrHidden
	for stat := range stats {
		if name, ok := kernelThread(stat); ok {
			if name == "kmemleak" {
				return true, nil
			}
			err = nil
		}
	}
	return false, err
}

// kernelThread reads /proc/PID/stat: number, (name), state, and the flags of the
// task in the ninth field, with PF_KTHREAD among them (proc(5)). Any process may
// call itself as a thread of the kernel does.
func kernelThread(stat []byte) (name string, ok bool) {
	const kernelThread = 0x00200000
	start, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if start < 0 || end < start {
		return "", false
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 7 {
		return "", false
	}
	flags, err := strconv.ParseUint(fields[6], 10, 64)
	return string(stat[start+1 : end]), err == nil && flags&kernelThread != 0
}
