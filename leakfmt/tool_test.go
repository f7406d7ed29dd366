// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/kmemleak/kmemleak/internal/need"
)

// tool runs another program, and returns its output if it fails. If the program is
// missing, the test ends.
func tool(t *testing.T, debian string, stdin []byte, name string, args ...string) (complaint string) {
	t.Helper()
	need.Tools(t, debian, name)
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("ModuleNotFoundError")) {
		need.Skip(t, "a module of Python is missing (try: apt-get install %s)", debian)
	}
	if err == nil {
		return ""
	}
	return err.Error() + "\n" + string(out)
}

// python is the interpreter for which Debian packages Python modules.
const python = "/usr/bin/python3"
