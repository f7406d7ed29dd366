// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

// A container is a process with mounts of its own, in which a search finds something
// out, or fails.
type container struct {
	name    string
	flags   uintptr      // for clone, beside CLONE_NEWNS
	arrange func() error // in the new process, before the search
	args    []kmemleak.Option
	want    []string // words of the answer: errors, the number of leaks and the doubts
}

var containers = []container{
	{name: "as it is", want: []string{"2 leaks, 0 doubts"}},
	{
		name:    "read-only, and a second mount",
		arrange: func() error { return first(mount("debugfs", "/tmp/b"), readOnly("/sys/kernel/debug")) },
		want:    []string{"2 leaks, 0 doubts"},
	},
	{
		name:    "read-only",
		arrange: func() error { return readOnly("/sys/kernel/debug") },
		want:    []string{"not available", "read-only", "mount -o remount,rw /sys/kernel/debug"},
	},
	{
		name:    "hidden, and a second mount",
		arrange: func() error { return first(mount("debugfs", "/tmp/b"), mount("tmpfs", "/sys/kernel/debug")) },
		want:    []string{"2 leaks, 0 doubts"},
	},
	{
		name:    "hidden",
		arrange: func() error { return mount("tmpfs", "/sys/kernel/debug") },
		want:    []string{"not available", "mounted on /sys/kernel/debug, and hidden there", "mount debugfs on another folder"},
	},
	{
		name: "the file alone",
		arrange: func() error {
			return first(os.WriteFile("/tmp/leaks", nil, 0o600), bind("/sys/kernel/debug/kmemleak", "/tmp/leaks"),
				unix.Unmount("/sys/kernel/debug", 0))
		},
		want: []string{"2 leaks, 0 doubts"},
	},
	{
		name:    "/proc with subset=pid",
		arrange: func() error { return unix.Mount("proc", "/proc", "proc", 0, "subset=pid") },
		want:    []string{"/proc/timer_list", "subset=pid", "mount -t proc proc /proc", "2 leaks, 0 doubts"},
	},
	{
		name:    "masked timer_list",
		arrange: func() error { return bind("/dev/null", "/proc/timer_list") },
		want:    []string{"/proc/timer_list", "masks it", "outside of containers", "2 leaks, 0 doubts"},
	},
	{
		name:    "PID namespace",
		flags:   unix.CLONE_NEWPID,
		arrange: func() error { return mount("proc", "/proc") },
		want:    []string{"2 leaks, 1 doubts", "scanning thread", "PID namespace", "outside of containers"},
	},
	{
		name:  "PID namespace, with the old /proc",
		flags: unix.CLONE_NEWPID,
		want:  []string{"2 leaks, 0 doubts"},
	},
	{
		name: "chroot",
		arrange: func() error {
			return first(mount("tmpfs", "/tmp"), mount("proc", "/tmp/proc"), mount("sysfs", "/tmp/sys"),
				mount("debugfs", "/tmp/sys/kernel/debug"), unix.Chroot("/tmp"), os.Chdir("/"))
		},
		want: []string{"2 leaks, 0 doubts"},
	},
	{
		name: "chroot without /proc",
		arrange: func() error {
			return first(mount("tmpfs", "/tmp"), mount("debugfs", "/tmp/sys/kernel/debug"), unix.Chroot("/tmp"), os.Chdir("/"))
		},
		want: []string{"/proc/self/mountinfo", "no such file"},
	},
	{
		name:    "without CAP_SYS_ADMIN",
		arrange: func() error { return dropCapability(unix.CAP_SYS_ADMIN) },
		want:    []string{"2 leaks, 1 doubts", "could not be watched", "CAP_SYS_ADMIN"},
	},
	{
		name:  "user namespace",
		flags: unix.CLONE_NEWUSER,
		want:  []string{"2 leaks, 1 doubts", "could not be watched", "outside of containers"},
	},
	{
		name:    "another process clears, outside of the PID namespace",
		flags:   unix.CLONE_NEWPID,
		arrange: func() error { return mount("proc", "/proc") },
		args: []kmemleak.Option{at(kmemleak.StageScanning, 3, func() {
			fmt.Println(pleaseClear)
			time.Sleep(2 * time.Second)
		})},
		want: []string{"interfered", "outside of this container"},
	},
}

// pleaseClear asks the process of the test to do so.
const pleaseClear = "please clear"

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func mount(kind, dir string) error {
	return first(os.MkdirAll(dir, 0o755), unix.Mount(kind, dir, kind, 0, ""))
}

func bind(from, to string) error { return unix.Mount(from, to, "", unix.MS_BIND, "") }

func readOnly(dir string) error {
	return unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
}

// dropCapability takes it from all threads of the process.
func dropCapability(capability uint) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[capability/32].Effective &^= 1 << (capability % 32)
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// searchContained is the process of one case.
func searchContained(name string) {
	c := containers[slices.IndexFunc(containers, func(c container) bool { return c.name == name })]
	if c.arrange != nil {
		if err := c.arrange(); err != nil {
			fmt.Println("arrange:", err)
			return
		}
	}
	var d kmemleak.Detector
	if _, err := d.Mark(); err != nil {
		fmt.Println(err)
	}
	var f kmemleak.Finding
	for range 5 { // as expect does
		var err error
		if f, err = d.Find(context.Background(), append(c.args, append(ofLeaky, kmemleak.MinAge(0))...)...); err != nil {
			fmt.Println(err)
			return
		}
		if len(f.Leaks) >= 2 {
			break
		}
	}
	fmt.Printf("%d leaks, %d doubts: %v\n", len(f.Leaks), len(f.Doubts), f.Doubts)
}

// clearer keeps what a process says, and clears when it asks for it.
type clearer struct {
	strings.Builder
	err error
}

func (c *clearer) Write(p []byte) (int, error) {
	if strings.Contains(string(p), pleaseClear) {
		c.err = bareWrite("clear")
	}
	return c.Builder.Write(p)
}

func TestIntegrationContainer(t *testing.T) {
	l := loadLeaky(t, need.Kernel(t, "find"))
	l.leak(2)
	time.Sleep(minAge)
	for _, c := range containers {
		t.Run(c.name, func(t *testing.T) {
			if _, err := os.Stat("/proc/self/ns/user"); err != nil && c.flags != 0 {
				t.Skip("this kernel has no namespaces (try: 6.12-arm64)")
			}
			var out clearer
			child := exec.CommandContext(inTime(t), "/proc/self/exe")
			child.Env = append(os.Environ(), "KMEMLEAK_CONTAINER="+c.name)
			child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: c.flags, Unshareflags: unix.CLONE_NEWNS}
			if c.flags&unix.CLONE_NEWUSER != 0 {
				root := []syscall.SysProcIDMap{{Size: 1}}
				child.SysProcAttr.UidMappings, child.SysProcAttr.GidMappings = root, root
			}
			child.Stdout, child.Stderr = &out, &out
			if err := child.Run(); err != nil {
				t.Fatalf("%v: %s", err, out.String())
			}
			if out.err != nil {
				t.Error(out.err)
			}
			t.Log(out.String())
			for _, word := range c.want {
				if !strings.Contains(out.String(), word) {
					t.Errorf("%q does not say %q", out.String(), word)
				}
			}
		})
	}
}
