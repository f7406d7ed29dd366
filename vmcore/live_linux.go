// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// kcorePath is where the kernel shows its memory.
const kcorePath = "/proc/kcore"

// Live opens the memory of the running kernel, /proc/kcore. It changes while it is read, also
// within one call.
//
// The error matches fs.ErrNotExist if the kernel has no /proc/kcore (CONFIG_PROC_KCORE), and
// fs.ErrPermission if it is not for this process: it lacks CAP_SYS_RAWIO, or the kernel is
// locked down.
func Live() (*Image, error) {
	f, err := os.Open(kcorePath)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: the kernel has none (try: a kernel with CONFIG_PROC_KCORE=y, /proc mounted)", err)
	case errors.Is(err, fs.ErrPermission):
		mode, unknown := os.ReadFile("/sys/kernel/security/lockdown")
		if strings.Contains(string(mode), "[confidentiality]") {
			return nil, fmt.Errorf("%w: the kernel is locked down (try: boot without lockdown=confidentiality)", err)
		}
		if unknown != nil {
			return nil, fmt.Errorf("%w (try: as root with CAP_SYS_RAWIO, outside of containers, booted without lockdown=confidentiality)", err)
		}
		return nil, fmt.Errorf("%w (try: as root with CAP_SYS_RAWIO, outside of containers)", err)
	case err != nil:
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w: another file is mounted there (try: outside of the container)", kcorePath, fs.ErrPermission)
	}
	opened := &file{f: f, name: kcorePath, size: -1}
	var m *Image
	if err == nil {
		opened.alone = openings(f)
		m, err = openELF(opened)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", kcorePath, err), opened.close())
	}
	m.info.Format, m.info.Live = "/proc/kcore", true
	live := &kcore{core: m.memory.(*elfCore)}
	live.table.Store(m.table)
	m.memory = live
	return m, nil
}

// openings opens the running kernel's memory once for each processor, f included, or as often
// as that is possible. The kernel copies each page through a buffer of the open file, which
// has no lock: of two reads at once, one gets a page of the other (read_kcore_iter in
// fs/proc/kcore.c, at least Linux 6.1 to 7.3).
func openings(f *os.File) chan *os.File {
	const most = 32
	files := make(chan *os.File, min(runtime.GOMAXPROCS(0), most))
	files <- f
	for len(files) < cap(files) {
		another, err := os.Open(kcorePath)
		if err != nil {
			break
		}
		files <- another
	}
	return files
}

// isKcore reports whether a name is that of the running kernel's memory, be it there or not.
func isKcore(name string) bool {
	if filepath.Clean(name) == kcorePath {
		return true
	}
	named, err := os.Stat(name)
	if err != nil {
		return false
	}
	kcore, err := os.Stat(kcorePath)
	return err == nil && os.SameFile(named, kcore)
}

// refused reports whether the kernel does not hand out memory, because it is gone or
// because reading it would fault.
func refused(err error) bool {
	return errors.Is(err, syscall.EFAULT) || errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENXIO)
}
