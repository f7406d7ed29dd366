// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmemleak/kmemleak/internal/need"
)

// pty returns both ends of a new terminal.
func pty(t *testing.T) (master *os.File, name string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		need.Skip(t, "no terminals: %v (try: mount devpts)", err)
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return master, fmt.Sprintf("/dev/pts/%d", number)
}

// TestOnTerminal connects a serial line to a console on which an interactive shell echoes
// and prints prompts.
func TestOnTerminal(t *testing.T) {
	need.Tools(t, "dash coreutils", "sh", "stty")
	console, consoleName := pty(t)
	line, lineName := pty(t)
	tty, err := os.OpenFile(consoleName, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	cmd := exec.Command("sh", "-i")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.Env = append(os.Environ(), "PS1=board # ")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	// While nobody has it open, its other end could not be read.
	kept, err := os.OpenFile(lineName, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	go io.Copy(console, line)
	go io.Copy(line, console)

	printk := filepath.Join(t.TempDir(), "printk")
	const levels = "7\t4\t1\t7\n"
	if err := os.WriteFile(printk, []byte(levels), 0o666); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second one finds the console as it was
		file, err := openSerial(lineName, "9600")
		if err != nil {
			t.Fatal(err)
		}
		s, err := onTerminal(t.Context(), file, printk)
		if err != nil {
			t.Fatal(err)
		}
		for _, script := range []string{"echo one", "cat " + printk, "printf '%0200d\\n' 7; echo " + strings.Repeat("x", 2000)} {
			want, err := exec.Command("sh", "-c", script).Output()
			if err != nil {
				t.Fatal(err)
			}
			got, err := say(t, t.Context(), s, script)
			if got = strings.ReplaceAll(got, "\r", ""); err != nil || got != strings.TrimSpace(string(want)) {
				t.Errorf("%s: %q, %v, want %q", clipped(script), got, err, want)
			}
		}
		if b, _ := os.ReadFile(printk); string(b) != "1\n" {
			t.Errorf("levels of messages %q while it is open", b)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		restored := func() bool { b, _ := os.ReadFile(printk); return string(b) == levels }
		for range 500 {
			if restored() {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if !restored() {
			t.Error("the levels of messages are not restored")
		}
	}
}

func clipped(s string) string { return s[:min(len(s), 40)] }

// Nobody is there, or what is there is no line.
func TestSerialFails(t *testing.T) {
	_, name := pty(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, tt := range []struct{ device, want string }{
		{name, "no shell answers (log in as root"},
		{name + ",12", `a speed of "12" baud`},
		{"/dev/null", "it is no terminal"},
		{"/no/such", "no such file"},
	} {
		s, err := Serial(ctx, tt.device)
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.device, err, tt.want)
		}
	}
}
