// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package need is for tests that need something of the machine. Where it is missing, they
// are skipped; with KMEMLEAK=require in the environment, as .ci/run has it, they fail.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// Skip ends a test that cannot run. The text says what is missing, and the remedy.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("KMEMLEAK") == "require" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Tools ends a test unless these programs are there. packages are the Debian packages
// that have them.
func Tools(t testing.TB, packages string, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			Skip(t, "%s is missing (try: apt-get install %s)", name, packages)
		}
	}
}

// Memory returns the folder with the dump of a test kernel, KMEMLEAK_MEMORY, and skips the
// test without one: only make integration makes it, and names the kernel then.
func Memory(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("KMEMLEAK_MEMORY")
	switch {
	case folder != "":
	case os.Getenv("KMEMLEAK_KERNEL") != "":
		Skip(t, "the dump of the test kernel is missing: KMEMLEAK_MEMORY names no folder (try: make integration)")
	default:
		t.Skip("needs the dump of a test kernel (try: make integration)")
	}
	return folder
}

// Kernel returns the name of the test kernel, as in testdata/modules/hello_kernel. It
// skips the test if that was booted in another way: each test has its own, see
// integration_linux_test.go.
func Kernel(t testing.TB, boot string) string {
	t.Helper()
	kernel := os.Getenv("KMEMLEAK_KERNEL")
	if kernel == "" {
		Skip(t, "a test kernel of its own is missing (try: make integration)")
	}
	if os.Getenv("KMEMLEAK_BOOT") != boot {
		t.Skipf("needs another boot (try: make integration): %q", boot)
	}
	return kernel
}
