// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"errors"
	"iter"
	"sync/atomic"
)

// kcore is the memory that /proc/kcore shows. The kernel puts zeros where it cannot read
// (fs/proc/kcore.c), so that zeros are believed only if the kernel maps the memory.
type kcore struct {
	core  *elfCore
	table atomic.Pointer[table] // the kernel's page tables, nil if they are not known
}

func (k *kcore) read(p []byte, addr uint64) error {
	if err := k.core.read(p, addr); err != nil {
		return err
	}
	return k.checkZeros(p, addr)
}

// load is read: nothing is cached.
func (k *kcore) load(p []byte, addr uint64) error { return k.read(p, addr) }

func (k *kcore) ranges() iter.Seq[Range] { return k.core.ranges() }

func (k *kcore) close() error { return k.core.close() }

// checkZeros returns an AbsentError for pages that are zeros and that the kernel does not
// map.
func (k *kcore) checkZeros(p []byte, addr uint64) error {
	table := k.table.Load()
	if table == nil {
		return nil
	}
	var mapped Range // what is known to be mapped, by virtual address
	for len(p) > 0 {
		n := min(uint64(len(p)), smallestPage-addr%smallestPage)
		if allZero(p[:n]) {
			s, ok := findPhys(k.core.phys, addr)
			virt := s.virt + addr - s.phys
			if ok && virt-mapped.Addr >= mapped.Size {
				_, size, err := table.walk(virt, k.core.read)
				if err != nil {
					if errors.Is(err, ErrAbsent) {
						err = &AbsentError{Addr: addr, Physical: true, Cause: "the kernel does not map it"}
					}
					return err
				}
				mapped = Range{virt &^ (size - 1), size}
			}
		}
		p, addr = p[n:], addr+n
	}
	return nil
}

var zeros [smallestPage]byte

// allZero reports whether up to a page is zeros.
func allZero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }
