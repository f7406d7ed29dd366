// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !(linux || darwin || dragonfly || freebsd || netbsd || openbsd || windows)

package terminal

func terminal(uintptr) bool { return false }
