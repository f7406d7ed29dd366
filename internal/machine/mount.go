// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// standardDebugfs is the place that the kernel makes for debugfs.
const standardDebugfs = "/sys/kernel/debug"

// MountDebugfs mounts debugfs on the folder dir, unless it is mounted there; "" means
// the standard place.
func MountDebugfs(dir string) error {
	if dir == "" {
		dir = standardDebugfs
	}
	if err := mountDebugfs(dir); err != nil {
		return fmt.Errorf("mount debugfs on %s: %w", dir, err)
	}
	return nil
}

// A mount is one mount of debugfs.
type mount struct {
	root     string // the folder or file of debugfs that is mounted, "/" for all of it
	point    string // where
	readOnly bool
}

// control returns the path of the control file in the mount, if it can hold it: a
// mount may show a part of debugfs only, or the control file alone.
func (m mount) control() (string, bool) {
	switch m.root {
	case "/":
		return path.Join(m.point, "kmemleak"), true
	case "/kmemleak":
		return m.point, true
	}
	return "", false
}

// parseMounts finds the mounts of debugfs in a mountinfo file: those that can be
// written to first, and of these the one at the standard place. The format is in Documentation/filesystems/proc.rst, section 3.5: ID,
// parent, device, root, mount point, options, any number of optional fields, "-",
// file system type, source, options.
func parseMounts(r io.Reader) ([]mount, error) {
	var mounts []mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // overlay file systems have long options
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		dash := slices.Index(fields, "-")
		if dash < 6 || dash+1 >= len(fields) || fields[dash+1] != "debugfs" {
			continue
		}
		m := mount{root: unescape(fields[3]), point: unescape(fields[4])}
		// The options of the mount come before the dash, those of debugfs itself last.
		for _, options := range []string{fields[5], fields[len(fields)-1]} {
			m.readOnly = m.readOnly || slices.Contains(strings.Split(options, ","), "ro")
		}
		mounts = append(mounts, m)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("/proc/self/mountinfo: %w", err)
	}
	sort.SliceStable(mounts, func(i, j int) bool {
		a, b := &mounts[i], &mounts[j]
		if a.readOnly != b.readOnly {
			return b.readOnly
		}
		return a.point == standardDebugfs && b.point != standardDebugfs
	})
	return mounts, nil
}

// readOnly is the error for a control file that cannot be written to.
func readOnly(err error, file string) error {
	return fmt.Errorf("%w: %w (all mounts of debugfs are read-only: mount -o remount,rw %s)", ErrUnavailable, err, path.Dir(file))
}

// unescape undoes the octal escapes of blanks and backslashes in mountinfo.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
