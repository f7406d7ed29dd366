// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.
//go:build !linux

package vmcore

import (
	"errors"
	"fmt"
)

// Live returns an error that matches errors.ErrUnsupported: only Linux shows its memory.
func Live() (*Image, error) {
	return nil, fmt.Errorf("the memory of the running kernel: %w (try: on Linux)", errors.ErrUnsupported)
}

func isKcore(string) bool { return false }

func refused(error) bool { return false }
