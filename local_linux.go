// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// This file is what finding leaks needs of the local machine beside the control
// file.

func (local) ticks() (io.ReadCloser, error) { return os.Open("/proc/timer_list") }

func (local) setting(name string) (string, error) {
	data, err := os.ReadFile(name)
	return strings.TrimSpace(string(data)), err
}

// scanThread looks for the kernel thread by its name. Any process may call itself
// so, but only kernel threads have no command line and no address space.
func (local) scanThread() (bool, error) {
	processes, err := os.ReadDir("/proc")
	if err != nil {
		return false, err
	}
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + p.Name() + "/stat")
		if err == nil && isScanThread(stat) {
			return true, nil
		}
	}
	return false, nil
}

func (local) load(file string) error {
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

func (local) unload(file string) error {
	name := loadedName(file)
	if err := unix.DeleteModule(name, 0); err != nil {
		return fmt.Errorf("unload module %s: %w", name, err)
	}
	return nil
}
