// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package guest defines what vmexec on the host and init in the guest share.
package guest

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Places in the guest.
const (
	ConfigPath = "/vmexec/config.json"
	TestPath   = "/vmexec/test"
	Dir        = "/vmexec/package" // the test's working folder
	Out        = "/out"            // files for the host
)

// Config is the configuration of init.
type Config struct {
	Args    []string // of the test binary
	Env     []string // name=value
	Debugfs bool     // mount it at the standard place
	Stay    bool     // do not power off in the end: the host has more to do with the guest

	// Serial ports; the kernel's console is another.
	TestPort string // for the test's output, then the status line
	FilePort string // for a cpio archive of the files in Out
}

// statusPrefix begins the last line on Config.TestPort. No test prints a NUL by accident.
const statusPrefix = "\x00vmexec: exit status "

// StatusLine returns the last line that the guest prints on Config.TestPort.
func StatusLine(status int) string { return fmt.Sprintf("%s%d\n", statusPrefix, status) }

// A StatusFilter passes the test's output on to W, without the status line.
type StatusFilter struct {
	W      io.Writer
	Ended  bool // the status line came
	Status int  // the status in that line
	line   []byte
}

// Write takes the next bytes from Config.TestPort.
func (f *StatusFilter) Write(p []byte) (int, error) {
	if !f.Ended && f.line == nil {
		at := bytes.IndexByte(p, 0)
		if at < 0 {
			return f.W.Write(p)
		}
		if n, err := f.W.Write(p[:at]); err != nil {
			return n, err
		}
		f.line = append(f.line, p[at:]...)
	} else {
		f.line = append(f.line, p...)
	}
	if number, ok := strings.CutPrefix(string(f.line), statusPrefix); ok && strings.HasSuffix(number, "\n") {
		_, err := fmt.Sscan(number, &f.Status)
		f.Ended = err == nil
	}
	return len(p), nil
}
