// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !linux

package kmemleak

import (
	"fmt"
	"runtime"
)

// LoadedModules tells where the modules of the running kernel are in memory. Here
// there is no such kernel; the error matches [ErrUnavailable].
func LoadedModules() ([]Module, error) {
	return nil, fmt.Errorf("modules of a running kernel on %s: %w", runtime.GOOS, ErrUnavailable)
}
