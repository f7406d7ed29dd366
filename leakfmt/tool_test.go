// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// tool runs another program, and returns its output if it fails. If the program is
// missing, the test is skipped, or fails with KMEMLEAK=require.
func tool(t *testing.T, debian string, stdin []byte, name string, args ...string) (complaint string) {
	t.Helper()
	skip := t.Skipf
	if os.Getenv("KMEMLEAK") == "require" {
		skip = t.Fatalf
	}
	if _, err := exec.LookPath(name); err != nil {
		skip("needs %s (try: apt-get install %s)", name, debian)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("ModuleNotFoundError")) {
		skip("needs a module of Python (try: apt-get install %s)", debian)
	}
	if err == nil {
		return ""
	}
	return err.Error() + "\n" + string(out)
}

// python is the interpreter for which Debian packages Python modules.
const python = "/usr/bin/python3"
