// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build unix

package kobj

import (
	"math"
	"os"
	"syscall"
)

// Map maps a file for reading, and returns what releases it. It returns nil if the file
// does not fit. Reading what has been cut off of the file faults: see Guard.
func Map(file *os.File, size int64) ([]byte, func() error, error) {
	if size > math.MaxInt {
		return nil, nil, nil
	}
	b, err := syscall.Mmap(int(file.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, nil, err
	}
	return b, func() error { return syscall.Munmap(b) }, nil
}
