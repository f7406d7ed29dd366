// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package logtext

import (
	"bytes"
	"slices"
)

// AnnouncesStack reports whether a line begins what the kernel prints with frames of its
// own.
func AnnouncesStack(b []byte) bool {
	return slices.ContainsFunc(otherStacks, func(s []byte) bool { return bytes.Contains(b, s) })
}

var otherStacks = bytes.Split([]byte("all Trace:|all trace:|RIP:|Workqueue:|Hardware name:|locks held|lock held|lock at:|lock (at |"+
	"llocated by task|reed by task|stack backtrace:|BUG: KASAN|WARNING: |cut here ]|softirqs last|hardirqs last|"+
	"Backtrace:|pc :|PC is at|Stack:"), []byte("|"))
