// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kmemleak/kmemleak"
)

// Leaks returns the leaks that the file of kmemleak would have listed when the image was
// made, in the same order and with the same fields: as the kernel prints them, so a field
// is set only if this kernel prints it. [Kernel.Objects] has more.
//
// Of a per-CPU object the kernel dumps the copy of the processor that prints. Leaks dumps
// that of CPU 0.
//
// No leaks and no error means that kmemleak had looked and had found none. If it was
// switched off or had not scanned yet, the error matches [kmemleak.ErrDisabled] or
// [ErrNotScanned]; where the kernel's data is damaged or missing, the leaks that could be
// read are returned with an error that names the place.
func (k *Kernel) Leaks(ctx context.Context) (leaks []kmemleak.Leak, err error) {
	err = k.guard(func() error {
		leaks, err = k.leaks(ctx)
		return err
	})
	return leaks, err
}

func (k *Kernel) leaks(ctx context.Context) ([]kmemleak.Leak, error) {
	var leaks []kmemleak.Leak
	d, unread := k.dialect()
	var now uint64
	if d.age {
		var err error
		now, err = k.now()
		d.age, unread = err == nil, errors.Join(unread, err)
	}
	err := k.settle(ctx, func() error {
		leaks = nil
		var bad problems
		err := k.eachObject(ctx, func(o *Object) bool { return o.Reported }, func(o Object) error {
			l, err := k.leak(&o, d, now)
			leaks = append(leaks, l)
			bad.add(err)
			return nil
		})
		return errors.Join(err, bad.err())
	})
	if errors.Is(err, kmemleak.ErrUnavailable) {
		return nil, err
	}
	err = errors.Join(err, unread, k.enabled())
	if len(leaks) == 0 && err == nil {
		if last, scanErr := k.value("jiffies_last_scan", kmemleakSource); scanErr != nil || last == 0 {
			err = errors.Join(ErrNotScanned, scanErr)
		}
	}
	return leaks, err
}

// hexBytes is how much of an object the kernel dumps.
const hexBytes = 32

// leak returns what the kernel prints of an object.
func (k *Kernel) leak(o *Object, d dialect, now uint64) (kmemleak.Leak, error) {
	l := kmemleak.Leak{Addr: o.Addr, Size: o.Size, PerCPU: o.PerCPU, Comm: o.Comm, PID: o.PID, Jiffies: o.Jiffies, Backtrace: o.Backtrace}
	if d.crc {
		l.Checksum = &o.Checksum
	}
	if d.age && d.hz > 0 {
		l.Age = time.Duration((now-o.Jiffies)*1000/d.hz) * time.Millisecond
	}
	if o.Phys {
		return l, nil // not dumped
	}
	addr := o.Addr
	if o.PerCPU {
		base, err := k.perCPU(0)
		if err != nil {
			return l, fmt.Errorf("content of object %#x: %w", o.Addr, err)
		}
		addr += base
	}
	data := make([]byte, min(o.Size, hexBytes))
	if err := k.mem.ReadAt(data, addr); err != nil {
		return l, fmt.Errorf("content of object %#x: %w", o.Addr, err)
	}
	if len(data) > 0 {
		l.Data = data
	}
	return l, nil
}

// maxConstants is more than any kernel has of them, in bytes.
const maxConstants = 1 << 28

// dialect is what a kernel prints of a leak.
type dialect struct {
	crc, age bool
	hz       uint64
}

// dialect reads the formats that the kernel prints with. They are constants: the file has
// them or, if it has debugging information alone, the memory.
func (k *Kernel) dialect() (d dialect, err error) {
	s := k.file.Section(".rodata")
	if s == nil || s.Size > maxConstants {
		return d, fmt.Errorf("%s: %w: what is printed of a leak is not known without .rodata", k.file.Name, errors.ErrUnsupported)
	}
	b, err := k.file.Contents(s)
	if err == nil && b == nil {
		b = make([]byte, s.Size)
		err = k.mem.ReadAt(b, k.relocated(s.Addr))
	}
	if err != nil {
		return d, fmt.Errorf("what is printed of a leak: %w", err)
	}
	d.crc = bytes.Contains(b, []byte("  backtrace (crc %x):\n\x00"))
	d.age = bytes.Contains(b, []byte(", jiffies %lu (age %d.%03ds)\n\x00"))
	if d.age {
		// MSECS_MIN_AGE is 5000, and the least age is that many milliseconds in ticks.
		var least uint64
		least, err = k.value("jiffies_min_age", kmemleakSource)
		d.hz = least / 5
	}
	return d, err
}

// now returns the tick counter.
func (k *Kernel) now() (uint64, error) {
	addr, ok := k.symbol("jiffies_64")
	if !ok {
		return 0, errors.New("no symbol jiffies_64")
	}
	return k.long(addr)
}

// perCPU returns what is to be added to a per-CPU pointer for a processor.
func (k *Kernel) perCPU(cpu int) (uint64, error) {
	addr, ok := k.symbol("__per_cpu_offset")
	if !ok {
		return 0, nil // a kernel for one processor
	}
	return k.long(addr + uint64(cpu*k.word))
}
