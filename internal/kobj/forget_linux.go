// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// mapApart maps the file a second time if it has large sections, which are read there:
// the system then releases the pages of all of them at once, and of nothing else.
func (f *File) mapApart(file *os.File) {
	large := func(s Section) bool { return s.Type != elf.SHT_NOBITS && s.Size >= apartFrom }
	if !slices.ContainsFunc(f.sections, large) {
		return
	}
	// Without room for a second time, everything is released.
	f.apart = f.raw
	apart, release, err := Map(file, int64(len(f.raw)))
	if err != nil || len(apart) == 0 {
		return
	}
	first := f.release
	f.apart, f.release = apart, func() error { return errors.Join(first(), release()) }
	f.file = file
}

// Forget releases the memory that pages of large sections of the mapped file occupy in
// this process. The next read brings them back, usually from the page cache. Forget may
// be called at any time, also while others read.
//
// One call of the system does it for all: each tells the other processors, and waits for
// them. At the borders of sections it would also take apart huge pages.
//
// Reading one byte costs 64 KiB of such memory. Since Linux 6.18 it costs up to 2 MiB,
// because the kernel maps the whole of a folio ("mm/filemap: map entire large folio
// faultaround"). Callers that read all over a file should call Forget repeatedly.
func (f *File) Forget() {
	if f.attached != nil {
		f.attached.Forget()
	}
	if f.apart != nil {
		// If the kernel refuses, only the memory stays in use.
		_ = syscall.Madvise(f.apart, syscall.MADV_DONTNEED)
	}
}

// ForgetOver calls Forget if the files that the process has mapped have taken up more
// than limit bytes since the last call that did so.
func (f *File) ForgetOver(limit int64) {
	now := mapped()
	before := mappedBefore.Load()
	if now < before || before == 0 {
		mappedBefore.Store(now)
		before = now
	}
	if now-before > limit {
		f.Forget()
		mappedBefore.Store(mapped())
	}
}

// mappedBefore is the result of mapped after pages were last released.
var mappedBefore atomic.Int64

var openStatm = sync.OnceValue(func() *os.File {
	file, _ := os.Open("/proc/self/statm")
	return file
})

// mapped returns how much memory files occupy in the process, in bytes. It returns 0 if
// /proc is missing.
func mapped() int64 {
	var b [128]byte
	n, _ := openStatm().ReadAt(b[:], 0) // a nil File returns an error
	fields := bytes.Fields(b[:n])
	if len(fields) < 3 {
		return 0
	}
	// The third field counts shared memory, too: proc_pid_statm(5).
	pages, _ := strconv.ParseInt(string(fields[2]), 10, 64)
	return pages * int64(os.Getpagesize())
}
