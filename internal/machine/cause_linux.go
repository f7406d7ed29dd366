// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// This file finds out why kmemleak cannot be used, from other information of the
// kernel. Each function takes the root of the file system, so that tests can simulate
// any kernel.

const noDebugfs = "this kernel has no debugfs: it was built without CONFIG_DEBUG_FS, or booted with debugfs=off"

// disabled is the error for a kernel that has kmemleak switched off.
func disabled() error {
	return fmt.Errorf("%w: %s", ErrDisabled, disabledCause(os.DirFS("/"), kernelRelease(), kernelLog()))
}

// missing is the error for a missing control file; path is "" if no debugfs is mounted
// that could have it.
func missing(path string) error {
	return missingCause(os.DirFS("/"), kernelRelease(), path)
}

// forbidden adds who may open the control file to the error of opening it.
func forbidden(err error) error {
	return forbiddenCause(os.DirFS("/"), kernelRelease(), err)
}

func kernelRelease() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(name.Release[:])
}

func disabledCause(root fs.FS, release string, log []string) string {
	commandLine, _ := fs.ReadFile(root, "proc/cmdline")
	words := strings.Fields(string(commandLine))
	// The kernel obeys the last of several.
	on, off := lastIndex(words, "kmemleak=on"), lastIndex(words, "kmemleak=off")
	if off > on {
		return "by kmemleak=off on the kernel command line"
	}
	config, source := kernelConfig(root, release)
	if on < 0 && config["CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF"] == "y" {
		return "by CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF=y, says " + source + " (boot with kmemleak=on)"
	}
	cause := `after boot, by the command "off", or by itself when it ran out of memory`
	if len(log) > 0 {
		cause = fmt.Sprintf("by itself: the kernel log says %q", strings.Join(log, "; "))
	}
	return cause + " (only a reboot switches it on again)"
}

func lastIndex(words []string, word string) int {
	for i, w := range slices.Backward(words) {
		if w == word {
			return i
		}
	}
	return -1
}

func missingCause(root fs.FS, release, file string) error {
	if err := notBuilt(root, release); err != nil {
		return err
	}
	filesystems, _ := fs.ReadFile(root, "proc/filesystems")
	switch {
	case filesystems != nil && !slices.Contains(strings.Fields(string(filesystems)), "debugfs"):
		return fmt.Errorf("%w: %s", ErrUnavailable, noDebugfs)
	case file == "":
		err := notMounted("", ", or MountDebugfs")
		if _, none := fs.Stat(root, standardDebugfs[1:]); errors.Is(none, fs.ErrNotExist) {
			err = fmt.Errorf("%w (%w)", err, ErrNoSysfs)
		}
		return err
	case isDebugfs(path.Dir(file)):
		// Up to Linux 4.18 the file is not made when kmemleak is off at boot.
		return fmt.Errorf("%w: %s", ErrDisabled, disabledCause(root, release, nil))
	}
	return fmt.Errorf("%w: %w (no debugfs is mounted there)", ErrUnavailable,
		&fs.PathError{Op: "open", Path: file, Err: unix.ENOENT})
}

// notBuilt returns an error if the kernel has no kmemleak, as far as can be seen.
func notBuilt(root fs.FS, release string) error {
	config, source := kernelConfig(root, release)
	switch {
	case config != nil && config["CONFIG_DEBUG_KMEMLEAK"] != "y":
	case config == nil && !hasKmemleak(root):
		source = "/proc/kallsyms, which has no kmemleak_init"
	default:
		return nil
	}
	return fmt.Errorf("%w: the running kernel %s was built without CONFIG_DEBUG_KMEMLEAK, says %s (boot one with CONFIG_DEBUG_KMEMLEAK=y: Fedora's kernel-debug, or one that you build)", ErrUnavailable, release, source)
}

func isDebugfs(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && s.Type == unix.DEBUGFS_MAGIC
}

func forbiddenCause(root fs.FS, release string, err error) error {
	if none := notBuilt(root, release); none != nil {
		return none // which root could not change
	}
	state, _ := fs.ReadFile(root, "sys/kernel/security/lockdown")
	for _, mode := range []string{"integrity", "confidentiality"} {
		if strings.Contains(string(state), "["+mode+"]") {
			return fmt.Errorf("%w (kernel lockdown, mode %s, closes the file to everybody: boot with lockdown=none, or switch Secure Boot off)", err, mode)
		}
	}
	return fmt.Errorf("%w (debugfs is open to root only, unless mounted otherwise)", err)
}

// hasKmemleak reports whether kmemleak may be compiled in. The module folder is there
// since Linux 4.20, the symbol always; its name is visible to everybody.
func hasKmemleak(root fs.FS) bool {
	if _, err := fs.Stat(root, "sys/module/kmemleak"); err == nil {
		return true
	}
	file, err := root.Open("proc/kallsyms")
	if err != nil {
		return true // nobody can tell, such as with subset=pid
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.HasSuffix(lines.Text(), " kmemleak_init") {
			return true
		}
	}
	return false
}
