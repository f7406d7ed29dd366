// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package terminal distinguishes terminals from files and pipes.
package terminal

import "syscall"

// Is reports whether x, such as an [*os.File], is a terminal that understands ANSI
// sequences, as far as the operating system knows.
func Is(x any) bool {
	file, ok := x.(syscall.Conn)
	if !ok {
		return false
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return false
	}
	is := false
	err = conn.Control(func(fd uintptr) { is = terminal(fd) })
	return is && err == nil
}
