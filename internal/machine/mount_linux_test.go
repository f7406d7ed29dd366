// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestChoose(t *testing.T) {
	const tmpfs = unix.TMPFS_MAGIC
	type system map[string]any // what statfs returns: a magic number or an error; nothing is ENOENT
	for _, tt := range []struct {
		name  string
		files []string
		on    system
		want  string // the file, or a part of the error
	}{
		{"the first one", []string{"/a/k", "/b/k"}, system{"/a/k": unix.DEBUGFS_MAGIC, "/b/k": unix.DEBUGFS_MAGIC}, "/a/k"},
		{"hidden, and another one", []string{"/a/k", "/b/k"}, system{"/a": tmpfs, "/b/k": unix.DEBUGFS_MAGIC}, "/b/k"},
		{"hidden by a file of that name", []string{"/a/k", "/b/k"}, system{"/a/k": tmpfs, "/b/k": unix.DEBUGFS_MAGIC}, "/b/k"},
		{"hidden with its folder", []string{"/a/k", "/b/k"}, system{"/b/k": unix.DEBUGFS_MAGIC}, "/b/k"},
		{"closed, and another one", []string{"/a/k", "/b/k"}, system{"/a/k": unix.EACCES, "/b/k": unix.DEBUGFS_MAGIC}, "/b/k"},
		{"closed", []string{"/a/k", "/b/k"}, system{"/a/k": unix.EACCES, "/b": tmpfs}, "/a/k"},
		{"no kmemleak", []string{"/a/k", "/b/k"}, system{"/a": tmpfs, "/b": unix.DEBUGFS_MAGIC}, "/b/k"},
		{"hidden", []string{"/a/k"}, system{"/a": tmpfs}, "debugfs is mounted on /a, and hidden there by what is mounted over it"},
	} {
		got, err := choose(tt.files, func(name string) (int64, error) {
			switch is := tt.on[name].(type) {
			case int:
				return int64(is), nil
			case error:
				return 0, is
			}
			return 0, unix.ENOENT
		})
		if err != nil {
			if got = err.Error(); !errors.Is(err, ErrUnavailable) {
				t.Errorf("%s: %v, want ErrUnavailable", tt.name, err)
			}
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
