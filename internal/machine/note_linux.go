// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"bytes"
	"os"
	"path/filepath"
)

// stoppedNote holds the boot ID of the kernel whose scanning thread a search has
// stopped, until the thread runs again. A search that is killed leaves it behind.
var stoppedNote = "/run/kmemleak/autoscan"

func (local) NoteStopped(stopped bool) {
	if !stopped {
		os.Remove(stoppedNote)
		return
	}
	// Where nothing can be noted, only a search that is killed is the worse for it.
	if id := bootID(); id != nil && os.MkdirAll(filepath.Dir(stoppedNote), 0o755) == nil {
		_ = os.WriteFile(stoppedNote, id, 0o644)
	}
}

func (local) WasStopped() bool {
	id, err := os.ReadFile(stoppedNote)
	return err == nil && len(id) > 0 && bytes.Equal(id, bootID())
}

// bootID returns what no other boot has, nil if that is not known.
func bootID() []byte {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil
	}
	return id
}
