// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// This file is what the search for leaks needs from the local machine besides the
// control file.

func (local) Jiffies(context.Context) (uint64, error) {
	file, err := os.Open(timerList)
	if err != nil {
		return 0, jiffiesError(err)
	}
	defer file.Close()
	return parseJiffies(file)
}

func (local) Setting(_ context.Context, name string) (string, error) {
	data, err := os.ReadFile(name)
	return strings.TrimSpace(string(data)), err
}

func (local) Modules(context.Context) (fs.FS, error) { return os.DirFS("/"), nil }

func (local) config(context.Context) (map[string]string, string) {
	return kernelConfig(os.DirFS("/"), kernelRelease())
}

func (local) Barrier(context.Context) {
	if file, err := os.OpenFile(rcuBarrier, os.O_WRONLY, 0); err == nil {
		_, _ = file.WriteString("1")
		_ = file.Close()
	}
}

func (local) ScanThread(context.Context) (bool, error) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return false, err
	}
	return scanThread(func(yield func([]byte) bool) {
		for _, p := range processes {
			if _, err := strconv.Atoi(p.Name()); err != nil {
				continue
			}
			stat, err := os.ReadFile("/proc/" + p.Name() + "/stat")
			if err == nil && !yield(stat) {
				return
			}
		}
	})
}

func (local) Load(_ context.Context, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	// Stale pointers to the lost objects remain on the kernel stack of the thread
	// that loads the module, and would hide them: the thread ends here.
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- unix.FinitModule(int(f.Fd()), "", 0)
	}()
	if err := <-done; err != nil {
		return &fs.PathError{Op: "load module", Path: file, Err: err}
	}
	return nil
}

func (local) Unload(_ context.Context, file string) error {
	name := ModuleName(file)
	if err := unix.DeleteModule(name, 0); err != nil {
		return fmt.Errorf("unload module %s: %w", name, err)
	}
	return nil
}
