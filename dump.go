// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak/internal/machine"
)

// Object is what the kernel knows about one object that it tracks, leaked or not
// (dump_object_info in mm/kmemleak.c).
type Object struct {
	Addr     uint64   // where it begins
	Size     uint64   // bytes
	PerCPU   bool     // Addr is a per-CPU pointer
	Phys     bool     // Addr is a physical address
	Comm     string   // name of the allocating thread, as in [Leak]
	PID      int      // thread ID, as in [Leak]
	Jiffies  uint64   // the kernel's tick counter at the allocation
	MinCount int      // fewer references than this make it a leak: 0 never, 1 for most, 2 for vmalloc, -1 for ignored objects
	Count    int      // references that the last scan found
	Flags    uint32   // state, as OBJECT_… in mm/kmemleak.c: 1 allocated, 2 reported, 4 not scanned, 8 fully scanned for want of memory (5.4), 16 physical, 32 per-CPU (6.12), 64 suspected (7.3)
	Checksum Checksum // crc of the content, from the last scan that found too few references; kernels before 3.18 print it signed

	Backtrace []Frame // of the allocation, innermost first; nil if the kernel has none
}

// NoScan reports whether the content of the object is not searched for pointers.
func (o Object) NoScan() bool { return o.Flags&4 != 0 }

// Fate returns what became of the object of a leak, if o is what [Detector.Dump] returned
// for its address: FateFreed if another object is there now, FateCleared if the kernel was
// told to forget it, and otherwise FateReferenced. Whether it is still a leak is for Count
// and MinCount to say.
func (o Object) Fate(l Leak) Fate {
	switch {
	case o.Addr != l.Addr || o.Size != l.Size || o.Jiffies != l.Jiffies || o.PID != l.PID:
		return FateFreed
	case o.MinCount <= 0:
		return FateCleared
	}
	return FateReferenced
}

var errDumpIncomplete = errors.New("incomplete answer in the kernel log")

// dumpObject asks the kernel about the object at addr.
func dumpObject(ctx context.Context, m machine.Machine, addr uint64) (Object, error) {
	records, err := m.Dump(ctx, addr)
	if err != nil {
		return Object{}, err
	}
	return parseDump(records, addr)
}

// parseDump finds the answer to dump=addr in what was logged since the command. Other
// parts of the kernel may have logged records between its lines.
func parseDump(records []machine.LogRecord, addr uint64) (Object, error) {
	// Kernels that take inner addresses may answer with several objects: the one that
	// begins there is meant.
	for _, exact := range []bool{true, false} {
		for i, r := range records {
			object, ok := parseObjectHeader(r.Text)
			if ok && (object.Addr == addr || !exact && object.Addr < addr && addr-object.Addr < object.Size) {
				return object.parse(records[i+1:], r.Caller)
			}
		}
	}
	return Object{}, fmt.Errorf("%w: no line about such an object", errDumpIncomplete)
}

// parseObjectHeader reads "kmemleak: Object (percpu) 0x607b97e9cab8 (size 8):".
func parseObjectHeader(text string) (Object, bool) {
	var o Object
	rest, ok := strings.CutPrefix(text, machine.LogPrefix+"Object ")
	if !ok {
		return o, false
	}
	if kind, ok := strings.CutPrefix(rest, "(phys) "); ok {
		o.Phys, rest = true, kind
	} else if kind, ok := strings.CutPrefix(rest, "(percpu) "); ok {
		o.PerCPU, rest = true, kind
	}
	addr, size, ok := strings.Cut(rest, " (size ")
	if !ok {
		return o, false
	}
	var err1, err2 error
	o.Addr, err1 = strconv.ParseUint(addr, 0, 64)
	o.Size, err2 = strconv.ParseUint(strings.TrimSuffix(size, "):"), 10, 64)
	return o, err1 == nil && err2 == nil
}

// parse reads the lines after the header that caller wrote.
func (o Object) parse(records []machine.LogRecord, caller string) (Object, error) {
	inBacktrace := false
	for _, r := range records {
		if r.Caller != caller {
			continue
		}
		line, own := strings.CutPrefix(r.Text, machine.LogPrefix)
		switch {
		case own && strings.HasPrefix(line, "Object"):
			return o.checkComplete(inBacktrace)
		case own && line == "  backtrace:":
			inBacktrace = true
		case own:
			o.parseField(line)
		case inBacktrace && strings.HasPrefix(line, " "):
			if f, err := ParseFrame(strings.TrimSpace(line)); err == nil {
				o.Backtrace = append(o.Backtrace, f)
			}
		}
	}
	return o.checkComplete(inBacktrace)
}

func (o Object) checkComplete(complete bool) (Object, error) {
	// Without its thread and time it might be taken for another object.
	if !complete || o.Comm == "" && o.PID == 0 && o.Jiffies == 0 {
		return o, errDumpIncomplete
	}
	return o, nil
}

// parseField reads a line with a value, and ignores lines of other messages.
func (o *Object) parseField(line string) {
	line = strings.TrimPrefix(line, "  ")
	if strings.HasPrefix(line, "comm ") {
		if c, rest, ok, _ := parseComm([]byte(line)); ok && len(rest) == 0 {
			o.Comm, o.PID, o.Jiffies = string(c.comm), c.pid, c.jiffies
		}
		return
	}
	name, value, _ := strings.Cut(line, " = ")
	n, err := strconv.ParseInt(value, 0, 64)
	if err != nil {
		return
	}
	switch name {
	case "min_count":
		o.MinCount = int(n)
	case "count":
		o.Count = int(n)
	case "flags":
		o.Flags = uint32(n)
	case "checksum":
		o.Checksum = Checksum(n)
	}
}
