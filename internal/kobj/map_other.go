// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !unix

package kobj

import "os"

// Map returns nil: files are read instead.
func Map(*os.File, int64) ([]byte, func() error, error) { return nil, nil, nil }
