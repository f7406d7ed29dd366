// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNoteStopped(t *testing.T) {
	defer func(file string) { stoppedNote = file }(stoppedNote)
	dir := t.TempDir()
	stoppedNote = filepath.Join(dir, "kmemleak", "autoscan")
	var l local
	for _, tt := range []struct {
		name string
		set  func()
		want bool
	}{
		{"at first", func() {}, false},
		{"nothing to take back", func() { l.NoteStopped(false) }, false},
		{"stopped", func() { l.NoteStopped(true) }, true},
		{"and once more", func() { l.NoteStopped(true) }, true},
		{"running again", func() { l.NoteStopped(false) }, false},
		{"of another boot", func() { os.WriteFile(stoppedNote, []byte("00000000-0000-0000-0000-000000000000\n"), 0o644) }, false},
		{"empty", func() { os.WriteFile(stoppedNote, nil, 0o644) }, false},
		{"no place for it", func() {
			os.WriteFile(filepath.Join(dir, "file"), nil, 0o644)
			stoppedNote = filepath.Join(dir, "file", "autoscan")
			l.NoteStopped(true)
		}, false},
	} {
		tt.set()
		if got := l.WasStopped(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
