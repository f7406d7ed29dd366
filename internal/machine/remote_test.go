// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/need"
)

// shell runs scripts here, on a line to which others write as well.
type shell struct{ t *testing.T }

func newShell(t *testing.T) shell {
	t.Helper()
	need.Tools(t, "dash sed coreutils", "sh", "sed", "cat")
	return shell{t}
}

func (s shell) Run(ctx context.Context, script string, stdout io.Writer) error {
	if strings.Count(script, "\n") != 1 {
		s.t.Errorf("the script is not one line: %q", script)
	}
	c := exec.CommandContext(ctx, "sh", "-c", script)
	c.WaitDelay = 500 * time.Millisecond
	out, err := c.Output()
	noisy := "[    1.0] a message\r\n" + strings.ReplaceAll(string(out), "\n", "\r\n[    2.0] another one\r\n")
	if _, err := io.WriteString(stdout, noisy); err != nil {
		return err
	}
	return err
}

// TestRemoteFiles uses ordinary files instead of the kernel's.
func TestRemoteFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "it's a file")
	if err := os.WriteFile(file, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	m := Remote(newShell(t), file)
	if got, err := m.Setting(ctx, file); got != "a\nb" || err != nil {
		t.Errorf("Setting: %q, %v", got, err)
	}
	report, err := m.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(report); string(got) != "a\nb\n" || err != nil {
		t.Errorf("Open: %q, %v", got, err)
	}
	if err := report.Close(); err != nil {
		t.Error(err)
	}
	if err := Probe(ctx, m); err == nil || !strings.Contains(err.Error(), "takes any word") {
		t.Errorf("Probe: %v", err)
	}
	if err := m.Command(ctx, "scan=off"); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(file); string(got) != "scan=off" || err != nil {
		t.Errorf("the file holds %q, %v after a command", got, err)
	}
	missing := Remote(newShell(t), file+"s")
	if err := missing.Command(ctx, "scan"); !errors.Is(err, ErrUnavailable) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Command without the file: %v, want ErrUnavailable", err)
	}
	if report, err = missing.Open(ctx); err != nil {
		t.Fatal(err)
	}
	defer report.Close()
	if _, err := io.ReadAll(report); !errors.Is(err, ErrUnavailable) {
		t.Errorf("reading without the file: %v, want ErrUnavailable", err)
	}
	if _, err := os.Stat(file + "s"); err == nil {
		t.Error("Command made the file")
	}
	if _, err := m.ScanThread(ctx); err != nil && !errors.Is(err, ErrHidden) { // in a container
		t.Errorf("ScanThread: %v", err)
	}
}

func TestRemoteEnded(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  func(ctx context.Context, m remote) error
	}{
		{"output", func(ctx context.Context, m remote) error { _, err := m.output(ctx, "sleep 5"); return err }},
		{"stream", func(ctx context.Context, m remote) error { _, err := io.ReadAll(m.stream(ctx, "sleep 5")); return err }},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		interrupted := errors.New("interrupted")
		time.AfterFunc(20*time.Millisecond, func() { cancel(interrupted) })
		start := time.Now()
		if err := tt.run(ctx, remote{transport: newShell(t)}); !errors.Is(err, interrupted) || time.Since(start) > 4*time.Second {
			t.Errorf("%s: %v after %v, want the cause of ctx's end", tt.name, err, time.Since(start))
		}
	}
}

func TestMarkedWriter(t *testing.T) {
	type result struct {
		Out, Last string
		Failed    bool
	}
	for _, tt := range []struct {
		name, input string
		want        result
	}{
		{"nothing", "", result{}},
		{"marked", "|a\n|= 0\n", result{Out: "a\n", Last: "= 0"}},
		{"between others", "[1] x\r\n|a\r\nlogin: |b\n|= 0\r\n$ ", result{Out: "a\n", Last: "= 0"}},
		{"cut off", "|a\n|b\n|= 0", result{Out: "a\n", Last: "b"}},
		{"empty lines", "|\n|\n|= 1\n", result{Out: "\n\n", Last: "= 1"}},
		{"endless line", strings.Repeat("x", 1<<20+1), result{Failed: true}},
	} {
		for _, size := range []int{1, 3, len(tt.input) + 1} {
			var out strings.Builder
			m := &markedWriter{w: &out}
			var err error
			for rest := tt.input; rest != "" && err == nil; {
				n := min(size, len(rest))
				_, err = io.WriteString(m, rest[:n])
				rest = rest[n:]
			}
			if diff := cmp.Diff(tt.want, result{out.String(), string(m.last), err != nil}); diff != "" {
				t.Errorf("%s, %d bytes a write (-want +got):\n%s", tt.name, size, diff)
			}
		}
	}
}

func TestControlError(t *testing.T) {
	for _, tt := range []struct {
		output string
		want   error
	}{
		{"cat: write error: Invalid argument", syscall.EINVAL},
		{"cat: write error: Operation not permitted", ErrDisabled},
		{"sh: can't open '/d/kmemleak': Operation not permitted", syscall.EPERM},
		{"sh: 1: cannot create /d/kmemleak: Device or resource busy", ErrDisabled},
		{"sh: 1: cannot create /d/kmemleak: Permission denied", fs.ErrPermission},
		{"cat: can't open '/d/kmemleak': No such file or directory", ErrUnavailable},
	} {
		if err := controlError(scriptError(tt.output, "1")); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.output, err, tt.want)
		}
	}
}

// readOnlyShell is a machine with debugfs mounted read-only.
type readOnlyShell struct{}

func (readOnlyShell) Run(_ context.Context, script string, stdout io.Writer) error {
	answer := "|sh: cannot create /d/kmemleak: Read-only file system\n|= 2\n"
	if strings.Contains(script, "mountinfo") {
		answer = "|1 2 0:7 / /d ro - debugfs x rw\n|= 0\n"
	}
	_, err := io.WriteString(stdout, answer)
	return err
}

func TestRemoteReadOnly(t *testing.T) {
	err := Remote(readOnlyShell{}, "").Command(t.Context(), "scan")
	if !errors.Is(err, ErrUnavailable) || !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "mount -o remount,rw /d)") {
		t.Errorf("%v, want ErrUnavailable with cause and remedy", err)
	}
}

// silentLog is a machine whose log does not take what is written to it.
type silentLog struct{}

func (silentLog) Run(_ context.Context, _ string, stdout io.Writer) error {
	_, err := io.WriteString(stdout, "|[    1.0] another message\n|= 0\n")
	return err
}

func TestRemoteDumpWithoutLog(t *testing.T) {
	records, err := Remote(silentLog{}, "/d/kmemleak").Dump(t.Context(), 0x1000)
	if records != nil || err == nil || !strings.Contains(err.Error(), "printk.devkmsg=off") {
		t.Errorf("%v, %v", records, err)
	}
}

func TestTrimStamps(t *testing.T) {
	for line, want := range map[string]string{
		"[   12.345678] kmemleak: x":           "kmemleak: x",
		"[   12.345678][  T123] kmemleak:   x": "kmemleak:   x",
		"[  1.0]     f+0x1/0x2 [m]":            "    f+0x1/0x2 [m]",
		"no stamp":                             "no stamp",
		"[ no end":                             "[ no end",
	} {
		if got := trimStamps(line); got != want {
			t.Errorf("%q becomes %q, want %q", line, got, want)
		}
	}
}
