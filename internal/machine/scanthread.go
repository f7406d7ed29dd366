// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"bytes"
	"strconv"
	"strings"
)

// isScanThread reads /proc/PID/stat: number, (name), state, and the flags of the
// task in the ninth field, with PF_KTHREAD among them (proc(5)). Any process may
// call itself as the kernel's thread does.
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
