// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !linux

package shell

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

func openSerial(string, string) (io.ReadWriteCloser, error) {
	return nil, fmt.Errorf("%w on %s (use a program that connects to it, with Command)", errors.ErrUnsupported, runtime.GOOS)
}
