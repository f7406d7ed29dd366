// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package machine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
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
	_ = allocateSizes(ctx) // as far as it goes
}

// allocateSizes does what TurnOver is for. It returns the first error, and goes on after it
// with the other processors.
func allocateSizes(ctx context.Context) (err error) {
	turnover.Lock()
	defer turnover.Unlock()
	endTurnover()
	cpus, err := processors("/sys/devices/system/cpu/online")
	if err != nil {
		return err
	}
	onOwnThread(func() {
		for _, cpu := range cpus {
			var one unix.CPUSet
			one.Set(cpu)
			if inner := unix.SchedSetaffinity(0, &one); inner != nil {
				err = cmp.Or(err, fmt.Errorf("use processor %d: %w", cpu, inner))
				continue
			}
			for _, size := range slabSizes {
				fd, inner := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
				if inner = cmp.Or(inner, context.Cause(ctx)); inner != nil { // mostly the limit of open files
					err = cmp.Or(err, fmt.Errorf("open a socket: %w", inner))
					return
				}
				turnover.sockets = append(turnover.sockets, fd)
				if inner := attach(fd, size); inner != nil {
					err = cmp.Or(err, fmt.Errorf("attach a filter of %d bytes: %w", size, inner))
				}
			}
		}
	})
	return err
}

// processors returns those that are online, or, without sysfs, those that this thread may use.
func processors(file string) (cpus []int, err error) {
	list, err := os.ReadFile(file)
	if err == nil {
		return parseList(strings.TrimSpace(string(list)))
	}
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return nil, fmt.Errorf("find processors: %w", err)
	}
	for cpu := range int(unsafe.Sizeof(allowed)) * 8 {
		if allowed.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// parseList reads a list of processors, such as "0-3,8".
func parseList(text string) (cpus []int, err error) {
	const most = int(unsafe.Sizeof(unix.CPUSet{})) * 8
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err := cmp.Or(err1, err2); err != nil || from < 0 || to < from || to >= most {
			return nil, fmt.Errorf("processors %q: not a list of numbers below %d", text, most)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
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
