// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// find returns the path of the control file. All mounts of debugfs show the same
// tree, so any mount that has the file will do. The standard place comes first.
func (l local) find() (string, error) {
	if l.path != "" {
		return l.path, nil
	}
	mounts, err := debugfsMounts()
	if err != nil {
		return "", err
	}
	var found []string
	for _, m := range mounts {
		if file, ok := m.control(); ok {
			found = append(found, file)
		}
	}
	if len(found) == 0 {
		return "", missing("")
	}
	// A mount may be hidden under another one, or closed to the caller, and the next
	// one may not be.
	for _, file := range found {
		if unix.Access(file, unix.F_OK) == nil {
			return file, nil
		}
	}
	return found[0], nil
}

func debugfsMounts() ([]mount, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("look for debugfs: %w", err)
	}
	defer file.Close()
	return parseMounts(file)
}

func mountDebugfs(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved // as mountinfo has it
	}
	mounts, err := debugfsMounts()
	if err != nil {
		return err
	}
	if slices.Contains(mounts, mount{root: "/", point: dir}) {
		return nil
	}
	err = unix.Mount("debugfs", dir, "debugfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	switch {
	case err == nil, errors.Is(err, unix.EBUSY): // somebody else was faster
		return nil
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("%w: %s", ErrUnavailable, noDebugfs)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (it takes root, with CAP_SYS_ADMIN outside of any container)", err)
	}
	return err
}
