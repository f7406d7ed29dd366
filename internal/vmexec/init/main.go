// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build linux

// Init is the first process of the guests that vmexec boots. It mounts the file systems
// that a test expects, runs it, sends its output and files to the host and powers off.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cavaliergopher/cpio"
	"github.com/kmemleak/kmemleak/internal/vmexec/guest"
	"golang.org/x/sys/unix"
)

func main() {
	stay, err := run()
	if err != nil {
		fmt.Println("init:", err) // on the console, which the host shows: there is no status line
	}
	for stay && err == nil {
		unix.Pause()
	}
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// run runs the test. stay is whether the guest shall not power off.
func run() (stay bool, err error) {
	data, err := os.ReadFile(guest.ConfigPath)
	if err != nil {
		return false, err
	}
	var config guest.Config
	if err := json.Unmarshal(data, &config); err != nil {
		return false, err
	}
	if err := mountAll(config.Debugfs); err != nil {
		return false, err
	}
	port, err := openPort(config.TestPort)
	if err != nil {
		return false, err
	}
	defer port.Close()
	status, err := runTest(port, config)
	if err != nil {
		return false, err
	}
	if err := sendFiles(config.FilePort); err != nil {
		return false, fmt.Errorf("send %s: %w", guest.Out, err)
	}
	if _, err := port.WriteString(guest.StatusLine(status)); err != nil {
		return false, err
	}
	return config.Stay, drain(port)
}

func mountAll(debugfs bool) error {
	mounts := []struct{ dir, kind string }{
		{"/dev", "devtmpfs"}, {"/proc", "proc"}, {"/sys", "sysfs"}, {"/tmp", "tmpfs"},
		{"/sys/kernel/security", "securityfs"},
	}
	if debugfs {
		mounts = append(mounts, struct{ dir, kind string }{"/sys/kernel/debug", "debugfs"})
	}
	for _, m := range mounts {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		// Debian's kernel mounts devtmpfs by itself.
		if err := unix.Mount(m.kind, m.dir, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	for _, dir := range []string{guest.Out, guest.Dir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return nil
}

func runTest(port *os.File, config guest.Config) (status int, err error) {
	test := exec.Command(guest.TestPath, config.Args...)
	test.Dir = guest.Dir
	test.Env = append([]string{"PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp"}, config.Env...)
	test.Stdout = port
	test.Stderr = port
	err = test.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		if exit.ExitCode() < 0 { // killed by a signal
			fmt.Fprintf(port, "%v\n", exit)
			return 2, nil
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}

// openPort opens a serial port that passes bytes unchanged.
func openPort(name string) (*os.File, error) {
	port, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	fd := int(port.Fd())
	mode, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err == nil {
		mode.Oflag &^= unix.OPOST
		mode.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
		err = unix.IoctlSetTermios(fd, unix.TCSETS, mode)
	}
	if err != nil {
		port.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return port, nil
}

// drain waits until all bytes that were written to the port have left it.
func drain(port *os.File) error {
	for {
		if err := unix.IoctlSetInt(int(port.Fd()), unix.TCSBRK, 1); err != unix.EINTR {
			return err
		}
	}
}

func sendFiles(name string) error {
	port, err := openPort(name)
	if err != nil {
		return err
	}
	defer port.Close()
	archive := cpio.NewWriter(port)
	root := os.DirFS(guest.Out)
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(guest.Out, name))
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&cpio.Header{Name: name, Mode: cpio.TypeReg | 0o644, Size: int64(len(data))}); err != nil {
			return err
		}
		_, err = archive.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return drain(port)
}
