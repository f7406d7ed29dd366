// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"context"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slabSizes are those of the caches that kmalloc allocates from, the largest first:
// what attaching a filter allocates by the way is small.
var slabSizes = [...]int{8192, 4096, 2048, 1024, 512, 256, 192, 128, 96, 64, 32, 16, 8}

// turnover holds the sockets of the last TurnOver, up to the next scan.
var turnover struct {
	sync.Mutex
	sockets []int
}

// TurnOver allocates an object of each of kmalloc's sizes on each processor. SLUB keeps
// the pointer to the next free object in the middle of a free one. Unless the kernel
// zeroes what it allocates, the pointer stays there when the object is allocated and not
// written to as a whole, and then it points to the next object that is allocated from
// there. So the first ones that a function loses would often be hidden by
// whatever was allocated before it began.
//
// The objects are the instructions of socket filters, which the kernel copies
// (bpf_prog_store_orig_filter in net/core/filter.c): users decide on their size and on
// every byte, and need no privileges. They are freed before the next scan or TurnOver of
// this process, as some that come with them hold stale pointers themselves.
func (local) TurnOver(ctx context.Context) {
	turnover.Lock()
	defer turnover.Unlock()
	endTurnover()
	onOwnThread(func() {
		var cpus, one unix.CPUSet
		if unix.SchedGetaffinity(0, &cpus) != nil {
			return
		}
		for cpu := range int(unsafe.Sizeof(cpus)) * 8 {
			if !cpus.IsSet(cpu) {
				continue
			}
			one.Zero()
			one.Set(cpu)
			if unix.SchedSetaffinity(0, &one) != nil {
				continue
			}
			for _, size := range slabSizes {
				fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
				if err != nil || ctx.Err() != nil {
					return // as far as the limit of open files allows
				}
				turnover.sockets = append(turnover.sockets, fd)
				_ = attach(fd, size)
			}
		}
	})
}

// endTurnover frees the objects. The caller has locked turnover.
func endTurnover() {
	for _, fd := range turnover.sockets {
		_ = unix.Close(fd)
	}
	turnover.sockets = nil
}

// attach attaches a filter of so many bytes that lets everything pass.
func attach(fd, size int) error {
	filter := make([]unix.SockFilter, size/int(unsafe.Sizeof(unix.SockFilter{})))
	for i := range filter {
		filter[i] = unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: ^uint32(0)}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}
