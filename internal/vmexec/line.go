// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"os"
	"regexp"
)

// A linker makes a link to the terminal that QEMU says it has opened.
type linker struct {
	name string
	said []byte
}

var redirected = regexp.MustCompile(`char device redirected to (/dev/\S+) `)

func (l *linker) Write(p []byte) (int, error) {
	l.said = append(l.said, p...)
	if m := redirected.FindSubmatch(l.said); m != nil {
		os.Remove(l.name)
		if err := os.Symlink(string(m[1]), l.name); err != nil {
			return 0, err
		}
		l.said = nil
	}
	return len(p), nil
}
