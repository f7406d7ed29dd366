// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"fmt"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/dwarf"
)

// Object is an object that kmemleak tracks, leaked or not.
type Object struct {
	kmemleak.Object

	Meta      uint64   // address of the kernel's record of it, a struct kmemleak_object
	Stack     []uint64 // return addresses of Backtrace
	Areas     []Range  // the only parts that are searched for pointers; nil for all
	ExcessRef uint64   // if more refer to the object than need to, the one at this address is not leaked either; 0 for none

	// Unreferenced is the number of scans in a row in which too few referred to it. The
	// kernel counts since 7.2; -1 if it does not.
	Unreferenced int

	// Reported says that the file of kmemleak would list the object: it is a leak.
	Reported bool

	areas uint64 // the list of Areas
}

// Flags of an object, OBJECT_… in mm/kmemleak.c. They are no part of debugging
// information, and the same since they exist.
const (
	flagAllocated = 1 << iota
	flagReported
	flagNoScan
	flagFullScan
	flagPhys
	flagPerCPU
)

// White reports whether the last scan found fewer references than the object must have.
func (o *Object) White() bool { return o.Count != -1 && o.Count < o.MinCount }

// scanned returns the parts of the object in which kmemleak looks for pointers.
func (o *Object) scanned() []Range {
	switch {
	case o.Flags&flagNoScan != 0 || o.MinCount == -1:
		return nil
	case o.Areas == nil || o.Flags&flagFullScan != 0:
		return []Range{{o.Addr, o.Size}}
	}
	return o.Areas
}

// objectLayout is where a struct kmemleak_object has what is needed.
type objectLayout struct {
	struct_ *dwarf.Layout

	list, flags, pointer, size, minCount, count, checksum, jiffies, pid, comm field

	excess, unref, areas          field // not in all kernels
	handle, trace, traceLen       field // the first, or the others
	areaNode, areaStart, areaSize field
	areaBytes                     uint64

	perCPU, phys     bool // there are such objects
	minAge, lastScan uint64
	long             uint // bits
}

const kmemleakSource = "mm/kmemleak.c"

func (k *Kernel) objectLayout() (l objectLayout, err error) {
	if _, ok := k.symbol("kmemleak_alloc"); !ok {
		return l, fmt.Errorf("%s: %w: CONFIG_DEBUG_KMEMLEAK is not set", k.file.Name, kmemleak.ErrUnavailable)
	}
	l.struct_, err = k.structOf("kmemleak_object", kmemleakSource, map[string]*field{
		"object_list": &l.list, "flags": &l.flags, "pointer": &l.pointer, "size": &l.size, "min_count": &l.minCount,
		"count": &l.count, "checksum": &l.checksum, "jiffies": &l.jiffies, "pid": &l.pid, "comm": &l.comm,
	})
	if err != nil {
		return l, err
	}
	l.excess, l.unref, l.areas = fieldOf(l.struct_, "excess_ref"), fieldOf(l.struct_, "unref_scans"), fieldOf(l.struct_, "area_list.first")
	l.handle, l.trace, l.traceLen = fieldOf(l.struct_, "trace_handle"), fieldOf(l.struct_, "trace"), fieldOf(l.struct_, "trace_len")
	if !l.handle.ok && (!l.trace.ok || !l.traceLen.ok) {
		return l, fmt.Errorf("struct kmemleak_object: %w: neither trace_handle nor trace", errors.ErrUnsupported)
	}
	if l.areas.ok {
		t, err := k.structOf("kmemleak_scan_area", kmemleakSource, map[string]*field{"node.next": &l.areaNode, "start": &l.areaStart, "size": &l.areaSize})
		if err != nil {
			return l, err
		}
		l.areaBytes = t.Size
	}
	// Kernels that have no tree for a kind of objects have no such objects.
	_, err = k.types.Variable("object_percpu_tree_root", kmemleakSource)
	if l.perCPU = err == nil; err != nil && !errors.Is(err, dwarf.ErrNotFound) {
		return l, err
	}
	_, err = k.types.Variable("object_phys_tree_root", kmemleakSource)
	if l.phys = err == nil; err != nil && !errors.Is(err, dwarf.ErrNotFound) {
		return l, err
	}
	if l.minAge, err = k.value("jiffies_min_age", kmemleakSource); err != nil {
		return l, err
	}
	if l.lastScan, err = k.value("jiffies_last_scan", kmemleakSource); err != nil {
		return l, err
	}
	l.long = uint(8 * k.word)
	return l, nil
}

// Objects returns all objects that kmemleak tracks, in the order in which the kernel has
// them, which is that of their allocation. There may be millions. Where the kernel's data
// is damaged or missing, the objects that could be read are returned with an error.
func (k *Kernel) Objects(ctx context.Context) (objects []Object, err error) {
	err = k.guard(func() error {
		objects, err = k.allObjects(ctx)
		return err
	})
	return objects, err
}

func (k *Kernel) allObjects(ctx context.Context) (objects []Object, err error) {
	err = k.settle(ctx, func() error {
		objects = nil
		return k.eachObject(ctx, func(*Object) bool { return true }, func(o Object) error {
			objects = append(objects, o)
			return nil
		})
	})
	return objects, err
}

// eachObject calls fn with those objects that are wanted. What is wanted is asked before
// the backtrace is read.
func (k *Kernel) eachObject(ctx context.Context, want func(o *Object) bool, fn func(o Object) error) error {
	l, err := k.objectLayout()
	if err != nil {
		return err
	}
	head, _, err := k.variable("object_list", kmemleakSource)
	if err != nil {
		return err
	}
	live := k.mem.Info().Live
	var bad problems
	b := make([]byte, l.struct_.Size)
	walk := k.list(ctx, "kmemleak's list of objects", head, func(entry uint64) error {
		at := entry - l.list.off
		if err := k.mem.ReadAt(b, at); err != nil {
			bad.add(fmt.Errorf("object at %#x: %w", at, err))
			return nil
		}
		o, err := l.object(b, at)
		if err != nil {
			bad.add(err)
			return nil
		}
		if !live {
			bad.add(l.plausible(&o))
		}
		if !want(&o) {
			return nil
		}
		bad.add(k.complete(ctx, &l, &o, b))
		return fn(o)
	})
	return errors.Join(walk, bad.err())
}

// object decodes a struct kmemleak_object, but not what it refers to.
func (l *objectLayout) object(b []byte, at uint64) (Object, error) {
	o := Object{Meta: at, Unreferenced: -1, areas: l.areas.in(b), ExcessRef: l.excess.in(b)}
	o.Addr, o.Size = l.pointer.in(b), l.size.in(b)
	o.MinCount, o.Count = int(int64(l.minCount.in(b))), int(int64(l.count.in(b)))
	o.Flags, o.Checksum = uint32(l.flags.in(b)), kmemleak.Checksum(l.checksum.in(b))
	o.Jiffies, o.PID, o.Comm = l.jiffies.in(b), int(int64(l.pid.in(b))), l.comm.text(b)
	o.PerCPU = l.perCPU && o.Flags&flagPerCPU != 0
	o.Phys = l.phys && o.Flags&flagPhys != 0
	if l.unref.ok {
		o.Unreferenced = int(l.unref.in(b))
	}
	if o.Addr+o.Size+smallestPage < o.Addr || o.Size > 1<<42 {
		return o, fmt.Errorf("object at %#x: %w: %d bytes from %#x on", at, ErrDamaged, o.Size, o.Addr)
	}
	o.Reported = o.Flags&flagReported != 0 && o.Flags&flagAllocated != 0 && o.White() && l.old(&o)
	return o, nil
}

// old reports whether an object was old enough for the last scan to report it:
// time_before_eq(jiffies + jiffies_min_age, jiffies_last_scan).
func (l *objectLayout) old(o *Object) bool {
	return int64((l.lastScan-o.Jiffies-l.minAge)<<(64-l.long)) >= 0
}

// plausible returns an error if what a record says cannot be: an object that was reported
// once remains old enough to be. The memory of a running kernel changes meanwhile, so that
// there it may be.
func (l *objectLayout) plausible(o *Object) error {
	if o.Flags&flagReported == 0 || o.Flags&flagAllocated == 0 || !o.White() || l.old(o) {
		return nil
	}
	return fmt.Errorf("object %#x (record at %#x): %w: it is marked as reported, and was too young for the last scan", o.Addr, o.Meta, ErrDamaged)
}

// complete reads what the record of an object refers to.
func (k *Kernel) complete(ctx context.Context, l *objectLayout, o *Object, b []byte) error {
	var bad problems
	if l.handle.ok {
		d, err := k.stackDepot()
		if err == nil {
			o.Stack, err = d.trace(uint32(l.handle.in(b)))
		}
		bad.add(err)
	} else if n := l.traceLen.in(b); n*uint64(k.word) <= l.trace.size && l.trace.off+l.trace.size <= uint64(len(b)) {
		o.Stack = words(b[l.trace.off:l.trace.off+n*uint64(k.word)], k.word)
	} else {
		bad.add(fmt.Errorf("%w: backtrace of %d frames", ErrDamaged, n))
	}
	frames, err := k.backtrace(ctx, o.Stack)
	o.Backtrace = frames
	bad.add(err)
	bad.add(k.readAreas(l, o))
	if err := bad.err(); err != nil {
		return fmt.Errorf("object %#x (record at %#x): %w", o.Addr, o.Meta, err)
	}
	return nil
}

// maxAreas is more than any object has.
const maxAreas = 1 << 10

// readAreas reads the parts of an object that are searched for pointers.
func (k *Kernel) readAreas(l *objectLayout, o *Object) error {
	if o.areas == 0 || o.Flags&flagFullScan != 0 {
		return nil
	}
	b := make([]byte, l.areaBytes)
	for at := o.areas; at != 0; {
		if len(o.Areas) >= maxAreas {
			return fmt.Errorf("%w: more than %d areas to scan", ErrDamaged, maxAreas)
		}
		// node is at the start of the structure, or wherever it is said to be.
		from := at - l.areaNode.off
		if err := k.mem.ReadAt(b, from); err != nil {
			return fmt.Errorf("area to scan at %#x: %w", from, err)
		}
		area := Range{l.areaStart.in(b), l.areaSize.in(b)}
		if start := area.Addr - o.Addr; start > o.Size || area.Size > o.Size-start {
			return fmt.Errorf("area to scan at %#x: %w: %d bytes from %#x on", from, ErrDamaged, area.Size, area.Addr)
		}
		o.Areas = append(o.Areas, area)
		at = l.areaNode.in(b)
	}
	return nil
}

// enabled returns an error if kmemleak did not run.
func (k *Kernel) enabled() error {
	on, err := k.value("kmemleak_enabled", kmemleakSource)
	if err != nil {
		return fmt.Errorf("whether kmemleak ran: %w", err)
	}
	if on == 0 {
		return fmt.Errorf("the kernel in the image: %w", kmemleak.ErrDisabled)
	}
	return nil
}
