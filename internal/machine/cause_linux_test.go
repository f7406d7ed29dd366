// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"
)

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// root returns a file system of names and contents.
func root(files ...string) fstest.MapFS {
	fsys := make(fstest.MapFS)
	for i := 0; i < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

func TestMissingCause(t *testing.T) {
	const withDebugfs = "nodev\tproc\nnodev\tdebugfs\n\text4\n"
	tests := []struct {
		name string
		root fstest.MapFS
		file string
		is   error
		text string
	}{
		{"config.gz", root("proc/config.gz", string(packed(t, "# CONFIG_DEBUG_KMEMLEAK is not set\n")), "proc/filesystems", withDebugfs), "",
			ErrUnavailable, "without CONFIG_DEBUG_KMEMLEAK, says /proc/config.gz"},
		{"boot config", root("boot/config-6.1", "CONFIG_SMP=y\n"), "",
			ErrUnavailable, "without CONFIG_DEBUG_KMEMLEAK, says /boot/config-6.1"},
		{"damaged config.gz, symbols", root("proc/config.gz", "\x1f\x8bnot gzip", "proc/kallsyms", "0000 T _text\n"), "",
			ErrUnavailable, "/proc/kallsyms, which has no kmemleak_init"},
		{"not mounted", root("proc/config.gz", string(packed(t, "CONFIG_DEBUG_KMEMLEAK=y\n")), "proc/filesystems", withDebugfs), "",
			ErrUnavailable, "debugfs is not mounted"},
		{"not mounted, no config", root("sys/module/kmemleak/parameters/verbose", "N\n", "proc/filesystems", withDebugfs), "",
			ErrUnavailable, "debugfs is not mounted"},
		{"old kernel, not mounted", root("proc/kallsyms", "0000 T _text\n0000 T kmemleak_init\n", "proc/filesystems", withDebugfs), "",
			ErrUnavailable, "debugfs is not mounted"},
		{"no sysfs", root("proc/filesystems", withDebugfs), "", ErrNoSysfs, "/sys is not mounted"},
		{"nothing to be seen in /proc", root(), "", ErrUnavailable, "debugfs is not mounted"},
		{"debugfs=off", root("sys/module/kmemleak/parameters/verbose", "N\n", "proc/filesystems", "nodev\tproc\n"), "",
			ErrUnavailable, "debugfs=off"},
		{"wrong path", root("sys/module/kmemleak/parameters/verbose", "N\n", "proc/filesystems", withDebugfs), "/etc/kmemleak",
			ErrUnavailable, "/etc/kmemleak"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := missingCause(tt.root, "6.1", tt.file)
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %q, want %q in an error that is %q", err, tt.text, tt.is)
			}
		})
	}
}

func TestDisabledCause(t *testing.T) {
	defaultOff := string(packed(t, "CONFIG_DEBUG_KMEMLEAK=y\nCONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF=y\n"))
	tests := []struct {
		name string
		root fstest.MapFS
		log  []string
		want string
	}{
		{"command line", root("proc/cmdline", "quiet kmemleak=off\n"), nil, "by kmemleak=off on the kernel command line"},
		{"the last one counts", root("proc/cmdline", "kmemleak=off kmemleak=on\n", "proc/config.gz", defaultOff), nil, "after boot"},
		{"default off", root("proc/cmdline", "quiet\n", "proc/config.gz", defaultOff), nil, "CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF=y, says /proc/config.gz"},
		{"by itself", root("proc/cmdline", "quiet\n"), []string{"Cannot allocate a kmemleak_object structure", "Kernel memory leak detector disabled"},
			`"Cannot allocate a kmemleak_object structure; Kernel memory leak detector disabled"`},
		{"nothing known", root(), nil, "only a reboot"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := disabledCause(tt.root, "6.1", tt.log); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q in it", got, tt.want)
			}
		})
	}
}

func TestForbiddenCause(t *testing.T) {
	tests := []struct {
		name  string
		root  fstest.MapFS
		errno unix.Errno
		want  string
	}{
		{"locked down", root("sys/kernel/security/lockdown", "none [integrity] confidentiality\n"), unix.EPERM, "lockdown, mode integrity"},
		{"not locked down", root("sys/kernel/security/lockdown", "[none] integrity confidentiality\n"), unix.EACCES, "root only"},
		{"no lockdown", root(), unix.EACCES, "root only"},
	}
	none := forbiddenCause(root("boot/config-6.1", "CONFIG_SMP=y\n"), "6.1", fs.ErrPermission)
	if !errors.Is(none, ErrUnavailable) || errors.Is(none, fs.ErrPermission) {
		t.Errorf("root is asked for where nobody can look: %v", none)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := forbiddenCause(tt.root, "6.1", &fs.PathError{Op: "open", Path: "kmemleak", Err: tt.errno})
			if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q in a permission error", err, tt.want)
			}
		})
	}
}
