// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
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
	return choose(found, func(name string) (magic int64, err error) {
		var on unix.Statfs_t
		err = unix.Statfs(name, &on)
		return int64(on.Type), err
	})
}

// choose returns the first of the control files that is there, or else one whose error
// tells the most: a mount may be hidden under another one, or closed to the caller, while
// the next one is not. statfs returns the type of a file's file system.
func choose(files []string, statfs func(name string) (magic int64, err error)) (string, error) {
	closed, absent, hidden := "", "", ""
	for _, file := range files {
		magic, err := statfs(file)
		at := file
		if errors.Is(err, fs.ErrNotExist) {
			at = path.Dir(file)
			if magic, err = statfs(at); err == nil && magic == unix.DEBUGFS_MAGIC {
				absent = cmp.Or(absent, file)
				continue
			}
		}
		switch {
		case err == nil && magic == unix.DEBUGFS_MAGIC:
			return file, nil
		case err == nil, errors.Is(err, fs.ErrNotExist):
			hidden = cmp.Or(hidden, at)
		default:
			closed = cmp.Or(closed, file)
		}
	}
	if file := cmp.Or(closed, absent); file != "" {
		return file, nil
	}
	return "", fmt.Errorf("%w: debugfs is mounted on %s, and hidden there by what is mounted over it (unmount that, or mount debugfs on another folder: mount -t debugfs none FOLDER, or MountDebugfs)",
		ErrUnavailable, hidden)
}

func debugfsMounts() ([]mount, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: look for debugfs: %w (%w)", ErrUnavailable, err, ErrNoProc)
	}
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
	if slices.ContainsFunc(mounts, func(m mount) bool { return m.root == "/" && m.point == dir }) {
		return nil
	}
	err = unix.Mount("debugfs", dir, "debugfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	switch {
	case err == nil, errors.Is(err, unix.EBUSY): // somebody else was faster
		return nil
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("%w: %s", ErrUnavailable, noDebugfs)
	case errors.Is(err, fs.ErrNotExist) && dir == standardDebugfs:
		return fmt.Errorf("%w (%w)", err, ErrNoSysfs)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (it takes root, with CAP_SYS_ADMIN outside of any container)", err)
	}
	return err
}
