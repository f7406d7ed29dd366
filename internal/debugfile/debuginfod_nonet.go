// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build nonet

package debugfile

import (
	"context"
	"fmt"
)

// transfer refuses: net/http is half of a program, which is too much for an initramfs.
// Files in the cache are used.
func (d *Debuginfod) transfer(_ context.Context, url string, _ int64, _ entry, _ func()) error {
	return fmt.Errorf("%s: %w: this program was built without the network (build tag nonet)", url, errRefused)
}
