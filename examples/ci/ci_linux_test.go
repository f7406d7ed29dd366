// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package ci has what suites of tests call, in files that can be copied. The tests run
// them on real kernels; see make integration.
package ci

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kmemleak/kmemleak/internal/need"
)

//go:embed shell/kmemleak.sh shell/suite.sh xfstests/kmemleak
var files embed.FS

const busybox = "/bin/busybox" // put there by make integration, as kmemleak and the module are

// guest prepares a guest as a machine on which a suite runs, and returns the folder of the
// files.
func guest(t *testing.T) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("busybox is of the host's architecture (try: a kernel for x86_64)")
	}
	if out, err := exec.Command(busybox, "--install", "-s", "/bin").CombinedOutput(); err != nil {
		t.Logf("busybox --install: %v: %s", err, out) // some are there already
	}
	t.Setenv("PATH", "/bin")
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "shell", "suite.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sh runs a script, and returns what it prints and its exit status. What differs each
// time is left out.
func sh(t *testing.T, dir, script string) (out string, status int) {
	t.Helper()
	cmd := exec.Command(busybox, "sh", "-c", script)
	cmd.Dir = dir
	b, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return string(b), status
}

// The tests of the suite that is looked after.
const suite = `
mkdir -p tests
printf '#!/bin/sh\nexit 0\n' >tests/clean
printf '#!/bin/sh\necho 3 >/sys/module/leaky/parameters/leak\n' >tests/leaks
printf '#!/bin/sh\nexit 7\n' >tests/broken
chmod +x tests/*
`

func loadLeaky(t *testing.T) {
	t.Helper()
	file, err := os.Open("/leaky.ko")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), "", 0); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.DeleteModule("leaky", 0); err != nil {
			t.Error(err)
		}
	})
}

// results returns the lines of a suite that say how its tests went.
func results(out string) (lines []string) {
	for line := range strings.Lines(out) {
		if regexp.MustCompile(`^[a-z]+: |^_check|^USE_`).MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// TestIntegrationShellHooks runs suites of a shell with a test that leaks.
func TestIntegrationShellHooks(t *testing.T) {
	need.Kernel(t, "")
	dir := guest(t)
	loadLeaky(t)
	t.Setenv("KMEMLEAK_FLAGS", "-module leaky -dir /leaky.ko")
	for _, tt := range []struct {
		name, script string
		want         []string
		status       int
	}{
		{"a pair of hooks", "shell/suite.sh tests/clean tests/leaks tests/broken", []string{
			"clean: pass", "leaks: fail: memory leaks", "broken: fail: exit status 7",
		}, 1},
		{"all pass", "shell/suite.sh tests/clean", []string{"clean: pass"}, 0},
		{"one search for all tests", `. shell/kmemleak.sh
			for t in clean leaks broken; do kmemleak_test windows tests/$t || echo "$t: status $?"; done
			kmemleak_suite windows`, []string{"broken: status 7"}, 1},
		{"no test", ". shell/kmemleak.sh; kmemleak_suite /dev/null", []string{"kmemleak: could not look: no test ran"}, 2},
		{"no hook before", ". shell/kmemleak.sh; kmemleak_after", []string{
			"kmemleak: could not look: kmemleak_before has failed, or was not called",
		}, 2},
		{"no program", "PATH=/none; . shell/kmemleak.sh; kmemleak_cursor=x; kmemleak_after 2>/dev/null", nil, 2},
		{"a cursor that is none", ". shell/kmemleak.sh; kmemleak_cursor=x; kmemleak_after 2>/dev/null", nil, 2},
		{"xfstests", `USE_KMEMLEAK=yes; seqres=out; . xfstests/kmemleak; _init_kmemleak
			for t in clean leaks; do tests/$t; _check_kmemleak && echo "$t: pass"; done; ! grep -q "lose_one .*leaky.c:" out.kmemleak`, []string{
			"clean: pass", "_check_kmemleak: memory leaks (see out.kmemleak)",
		}, 1},
		{"xfstests without", "USE_KMEMLEAK=no; . xfstests/kmemleak; _init_kmemleak; _check_kmemleak", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, problem string
			for range 3 { // old values in memory may hide a leak
				var status int
				out, status = sh(t, dir, suite+tt.script)
				problem = ""
				if diff := cmp.Diff(tt.want, results(out)); diff != "" || status != tt.status {
					problem = fmt.Sprintf("status %d, want %d (-want +got):\n%s%s", status, tt.status, diff, out)
				}
				if problem == "" || tt.status != 1 {
					break
				}
			}
			if problem != "" {
				t.Fatal(problem)
			}
			if strings.Contains(tt.script, "leaks") && !strings.HasPrefix(tt.name, "xfstests") {
				if !strings.Contains(out, "lose_one [leaky] at ") || !strings.Contains(out, "leaky.c:") {
					t.Errorf("no line of code: %s", out)
				}
			}
			if strings.Contains(tt.script, "kmemleak_suite windows") && !strings.Contains(out, "tests/leaks") {
				t.Errorf("the test that leaked is not named: %s", out)
			}
		})
	}
}

// TestIntegrationShellOff runs the same where kmemleak is switched off: nothing passes.
func TestIntegrationShellOff(t *testing.T) {
	need.Kernel(t, "kmemleak=off")
	dir := guest(t)
	for _, tt := range []struct {
		name, script string
		want         []string
		status       int
	}{
		{"a pair of hooks", "shell/suite.sh tests/clean", []string{"clean: error: could not look for memory leaks"}, 1},
		{"one search for all tests", ". shell/kmemleak.sh; kmemleak_test windows tests/clean 2>/dev/null", nil, 2},
		{"xfstests", "USE_KMEMLEAK=yes; . xfstests/kmemleak; _init_kmemleak 2>/dev/null", []string{
			"USE_KMEMLEAK=yes, and kmemleak cannot look on this machine",
		}, 1},
		{"xfstests, switched off later", "USE_KMEMLEAK=yes; seqres=out; . xfstests/kmemleak; _kmemleak_cursor=x; _check_kmemleak 2>/dev/null", []string{
			"_check_kmemleak: could not look for memory leaks (see out.kmemleak)",
		}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, status := sh(t, dir, suite+tt.script)
			if diff := cmp.Diff(tt.want, results(out)); diff != "" || status != tt.status {
				t.Errorf("status %d, want %d (-want +got):\n%s%s", status, tt.status, diff, out)
			}
			if tt.name == "a pair of hooks" && !strings.Contains(out, "kmemleak=off") {
				t.Errorf("no cause: %s", out)
			}
		})
	}
}
