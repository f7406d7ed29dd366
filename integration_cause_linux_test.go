// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

// methods are the ways to use a Detector that must fail when kmemleak cannot be
// used, each with the cause.
var methods = []struct {
	name string
	call func(d *kmemleak.Detector) error
}{
	{"Probe", (*kmemleak.Detector).Probe},
	{"Scan", func(d *kmemleak.Detector) error { return d.Scan(context.Background()) }},
	{"Clear", (*kmemleak.Detector).Clear},
	{"Leaks", func(d *kmemleak.Detector) error {
		var last error
		for _, err := range d.Leaks() {
			last = err
		}
		return last
	}},
	{"SetAutoScan", func(d *kmemleak.Detector) error { return d.SetAutoScan(0) }},
	{"SetStackScan", func(d *kmemleak.Detector) error { return d.SetStackScan(true) }},
	{"Dump", func(d *kmemleak.Detector) error { _, err := d.Dump(0x1000); return err }},
	{"Disable", (*kmemleak.Detector).Disable},
}

// checkCause checks that every method fails with an error that is one of is, none
// of the other kinds, and has all words in its text.
func checkCause(t *testing.T, d *kmemleak.Detector, is error, words ...string) {
	t.Helper()
	kinds := []error{kmemleak.ErrUnavailable, kmemleak.ErrDisabled, fs.ErrPermission}
	for _, m := range methods {
		err := m.call(d)
		if err == nil {
			t.Errorf("%s succeeded, want an error that is %v", m.name, is)
			continue
		}
		t.Logf("%s: %v", m.name, err)
		for _, kind := range kinds {
			if got, want := errors.Is(err, kind), kind == is; got != want {
				t.Errorf("%s: errors.Is(%q, %q) = %v, want %v", m.name, err, kind, got, want)
			}
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: the error %q does not say %q", m.name, err, word)
			}
		}
	}
}

func TestIntegrationOffAtBoot(t *testing.T) {
	need.Kernel(t, "kmemleak=off")
	checkCause(t, new(kmemleak.Detector), kmemleak.ErrDisabled, "kmemleak=off on the kernel command line")
}

func TestIntegrationLockdown(t *testing.T) {
	need.Kernel(t, "lockdown=integrity")
	d := new(kmemleak.Detector)
	checkCause(t, d, fs.ErrPermission, "lockdown", "integrity")
}

func TestIntegrationNotBuiltIn(t *testing.T) {
	need.Kernel(t, "debian")
	var name unix.Utsname
	unix.Uname(&name)
	d := new(kmemleak.Detector)
	checkCause(t, d, kmemleak.ErrUnavailable, "without CONFIG_DEBUG_KMEMLEAK", unix.ByteSliceToString(name.Release[:]))
	if err := d.Probe(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v is not errors.ErrUnsupported", err)
	}
}

func TestIntegrationNotMounted(t *testing.T) {
	need.Kernel(t, "")
	const standard = "/sys/kernel/debug"
	if err := unix.Unmount(standard, 0); err != nil {
		t.Fatal(err)
	}
	d := new(kmemleak.Detector)
	checkCause(t, d, kmemleak.ErrUnavailable, "debugfs is not mounted", "MountDebugfs")
	checkCause(t, &kmemleak.Detector{Path: standard + "/kmemleak"}, kmemleak.ErrUnavailable, standard)

	elsewhere := t.TempDir() + "/de bug"
	if err := os.Mkdir(elsewhere, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is there already
		if err := kmemleak.MountDebugfs(elsewhere); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Probe(); err != nil {
		t.Errorf("with debugfs on %s: %v", elsewhere, err)
	}
	if err := unix.Unmount(elsewhere, 0); err != nil {
		t.Fatal(err)
	}
	if err := kmemleak.MountDebugfs(""); err != nil {
		t.Fatal(err)
	}
	if err := d.Probe(); err != nil {
		t.Error(err)
	}
}

func TestIntegrationUnprivileged(t *testing.T) {
	need.Kernel(t, "")
	asNobody(t, func() {
		checkCause(t, new(kmemleak.Detector), fs.ErrPermission, "root")
		if err := kmemleak.MountDebugfs("/tmp"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("MountDebugfs: %v, want a permission error", err)
		}
	})
}

// asNobody runs f on a thread without any privilege, and ends the thread.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan bool)
	go func() {
		defer close(done)
		runtime.LockOSThread()
		const nobody = 65534
		// The raw system call is for this thread alone.
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			t.Errorf("setresuid: %v", errno)
			return
		}
		f()
	}()
	<-done
}

// TestIntegrationOff has a boot of its own, because there is no way back.
func TestIntegrationOff(t *testing.T) {
	kernel := need.Kernel(t, "expendable")
	d := manualScans(t)
	leakAll(t, kernel, func(h hello) []kmemleak.Leak { return h.find(t, d) })
	if err := d.Disable(); err != nil {
		t.Fatal(err)
	}
	checkCause(t, d, kmemleak.ErrDisabled, "after boot", `"off"`)
}
