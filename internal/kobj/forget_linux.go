// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"bytes"
	"debug/elf"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// forgetFrom is the size of sections whose pages are given back. Smaller ones, such
// as symbols, strings and abbreviations, are read all over again and again.
const forgetFrom = 8 << 20

// Forget gives the memory back that pages of the mapped file take up in this
// process. They come back, from the page cache as a rule, when they are read. It
// may be called at any time, also while others read.
//
// To read a byte costs 64 KiB of such memory, and up to 2 MiB since Linux 6.18, which
// maps all of what it keeps in one piece ("mm/filemap: map entire large folio
// faultaround"). So who reads all over a file should call Forget again and again.
func (f *File) Forget() {
	if f.attached != nil {
		f.attached.Forget()
	}
	if f.release == nil {
		return
	}
	page := uint64(os.Getpagesize())
	for i := range f.sections {
		s := &f.sections[i]
		if s.Size < forgetFrom || s.Type == elf.SHT_NOBITS {
			continue
		}
		if b, err := f.slice(s.Offset, s.Size); err == nil {
			// Whole pages, seen from the start of the mapping. A refusal costs
			// nothing but the memory.
			skip := -s.Offset & (page - 1)
			_ = syscall.Madvise(b[skip:], syscall.MADV_DONTNEED)
		}
	}
}

// ForgetOver calls Forget if all files that the process has mapped have taken up more
// than limit bytes since it did so last.
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

// mappedBefore is what mapped gave after pages were given back.
var mappedBefore atomic.Int64

var openStatm = sync.OnceValue(func() *os.File {
	file, _ := os.Open("/proc/self/statm")
	return file
})

// mapped gives how much of files the process has in memory, in bytes. Where /proc is
// missing, it is 0.
func mapped() int64 {
	var b [128]byte
	n, _ := openStatm().ReadAt(b[:], 0) // a nil File gives an error
	fields := bytes.Fields(b[:n])
	if len(fields) < 3 {
		return 0
	}
	// The third one counts shared memory, too: proc_pid_statm(5).
	pages, _ := strconv.ParseInt(string(fields[2]), 10, 64)
	return pages * int64(os.Getpagesize())
}
