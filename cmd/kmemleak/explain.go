// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

// maxHZ is more than any kernel's configuration offers.
const maxHZ = 10_000

var explain = command{
	name:  "explain",
	args:  "[file ...]",
	short: "show what is known of leaks: owner, type, place, how sure, when",
	text: inputText + `

With -live and without a file, it explains what the kernel of this machine, or of
the one that -via or -serial names, reports now.

For each place that leaks, it shows the owner, with the source line that asked
for the memory; how sure each line is, and why; who else it may be, and why;
what type the object may be, with its first bytes as fields; and when it was
allocated. It says what is not known, and explains the marks at the end.

With -core, it also shows who points to one object of each place, as refs does,
and where the leaked structure begins. Without a file, it explains what the
kernel in the dump had reported. With -live, or for a report of this boot, the
running kernel's memory is -core /proc/kcore, which needs root.

    kmemleak explain -core /var/crash/vmcore -vmlinux vmlinux

    kmemleak explain -leak 0xffff95ff00a5ac00 report.txt

With -format mail it writes a mail about one place that leaks, to be completed
and sent. With -source, the kernel's tree, it is addressed to those who look
after the owner's file: MAINTAINERS says who they are.

    kmemleak explain -leak 22052d4a37622390 -source linux -format mail report.txt

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var at target
		var in input
		var memory core
		var from symbols
		var to output
		which := flags.String("leak", "", "explain only the leak at this `address`, or the leaks with this fingerprint")
		live := flags.Bool("live", false, "ask the kernel about the objects, which must be of this boot")
		format := choice{"text", []string{"text", "mail"}}
		flags.Var(&format, "format", format.usage())
		allocinfo := flags.String("allocinfo", "", "`file` that was /proc/allocinfo when the report was read, to show how much is live; with -live it is read")
		hz := flags.Int("hz", 0, "`ticks` per second of the kernel (CONFIG_HZ), to show times")
		at.define(flags)
		from.defineElsewhere(flags)
		in.define(flags)
		memory.define(flags)
		to.defineFile(flags)
		to.known.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if *hz < 0 || *hz > maxHZ {
				return 0, usageError{fmt.Sprintf("-hz %d: no kernel has that", *hz)}
			}
			if err := errors.Join(memory.check(), to.check(std)); err != nil {
				return 0, err
			}
			if memory.given() && at != (target{}) {
				return 0, usageError{"-core is a dead machine or this one, -via and -serial are others"}
			}
			if memory.given() && *live && memory.file != kcore {
				return 0, usageError{"-live is this machine, whose memory is -core " + kcore}
			}
			if memory.given() && from.snapshot != "" {
				return 0, usageError{"-snapshot is for reports alone: -core tells itself where modules are"}
			}
			if *allocinfo != "" {
				if _, err := os.Stat(*allocinfo); err != nil {
					return 0, err
				}
			}
			s, err := from.symbolizer(std)
			if err != nil {
				return 0, err
			}
			defer s.Close()
			h, err := at.open(ctx)
			if err != nil {
				return 0, err
			}
			defer h.close()
			*live = *live || h.remote()
			options := leakfmt.Options{Symbolizer: s, Detail: leakfmt.Verbose, ObjectType: true, Allocinfo: *allocinfo}
			if *live && !h.remote() {
				options.Allocinfo = cmp.Or(*allocinfo, procAllocinfo)
				s.Release = cmp.Or(s.Release, release())
			}
			var leaks []kmemleak.Leak
			var dead kernelMemory
			if memory.given() {
				dead, err = memory.open(ctx, std, &from)
				std.progress.clear()
				if err != nil {
					return 0, err
				}
				defer dead.close()
			}
			switch {
			case *live && len(args) == 0:
				leaks, err = scanAndRead(ctx, std, &h.Detector, 0)
			case dead != nil && len(args) == 0:
				leaks, err = dead.leaks(ctx, std)
				std.progress.clear()
			default:
				leaks, err = in.read(std, args)
			}
			if dead != nil && (!*live || len(args) > 0) {
				err = errors.Join(err, dead.describe(ctx, s))
			}
			switch {
			case *hz != 0:
				options.Clock = kmemleak.BootClock(*hz)
			case *live:
				options.Clock = h.clock(ctx)
			default:
				options.Clock, _ = kmemleak.LeaksClock(leaks) // or one that knows nothing
			}
			if *live && from.snapshot == "" {
				h.useLoaded(std, s, leaks)
			}
			if *which != "" {
				if leaks = pick(leaks, *which); len(leaks) == 0 && err == nil {
					err = fmt.Errorf("there is no leak %q", *which)
				}
			}
			if len(leaks) == 0 && err != nil {
				return 0, err
			}
			options.Err = err
			var notLoaded error
			options.Symbolizer, notLoaded = lookUp(ctx, std, s, leaks)
			leaks = to.known.filter(leaks, options.Symbolizer, err)
			defer to.known.tell(std.err, "explain")
			if places := kmemleak.Groups(leaks); format.value == "mail" && len(places) != 1 {
				return 0, errors.Join(err, severalPlaces(places))
			}
			writePointers := func(io.Writer) error { return nil }
			if dead != nil && format.value == "text" {
				var refsErr error
				writePointers, refsErr = dead.holders(ctx, std, leaks)
				err = errors.Join(err, refsErr)
			}
			return len(leaks), errors.Join(err, notLoaded, to.to(std, func(w io.Writer) error {
				if format.value == "mail" {
					return writeMail(w, leaks, &options)
				}
				err := leakfmt.Text(w, leaks, &options)
				if *live && err == nil {
					err = writeObjects(w, &h.Detector, leaks)
				}
				if err == nil {
					err = writePointers(w)
				}
				return err
			}))
		}
	},
}

// severalPlaces returns the error for a mail about more than one place, or none.
func severalPlaces(places []kmemleak.Group) error {
	if len(places) == 0 {
		return errors.New("there are no leaks to write of")
	}
	s := fmt.Sprintf("a mail is about one place, and there are %d; choose with -leak:", len(places))
	for i, g := range places {
		if i == maxComplaints {
			s += fmt.Sprintf("\nand %d more", len(places)-i)
			break
		}
		s += fmt.Sprintf("\n-leak %s, %s", g.Fingerprint, leakfmt.Owner(g.Example, nil))
	}
	return errors.New(s)
}

// pick returns the leaks with an address or a fingerprint.
func pick(leaks []kmemleak.Leak, which string) (picked []kmemleak.Leak) {
	which = strings.ToLower(which)
	addr, err := strconv.ParseUint(strings.TrimPrefix(which, "0x"), 16, 64)
	for _, l := range leaks {
		if err == nil && l.Addr == addr || l.Fingerprint() == which {
			picked = append(picked, l)
		}
	}
	return picked
}

// writeObjects writes what the kernel now knows about one object of each place.
func writeObjects(w io.Writer, d *kmemleak.Detector, leaks []kmemleak.Leak) error {
	for _, g := range kmemleak.Groups(leaks) {
		l := g.Example
		text := objectText(l, d.Dump)
		if _, err := fmt.Fprintf(w, "now 0x%x: %s\n", l.Addr, text); err != nil {
			return err
		}
	}
	return nil
}

// objectText returns what has become of a leaked object, as far as dump knows.
func objectText(l kmemleak.Leak, dump func(uint64) (kmemleak.Object, error)) string {
	o, err := dump(l.Addr)
	if err != nil {
		return err.Error()
	}
	switch o.Fate(l) {
	case kmemleak.FateFreed:
		return "another object is there now, so this one was freed, or the report is of another boot"
	case kmemleak.FateCleared:
		return "it is still there, and is no leak for the kernel any more: somebody cleared it, or it is to be ignored"
	}
	text := fmt.Sprintf("it is still there, and the last scan found %d references to it; it is a leak with fewer than %d", o.Count, o.MinCount)
	if o.NoScan() {
		text += "; it is not searched for pointers"
	}
	return text
}
