// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/vmcore"
)

// maxRefs is how many references to one object are written without -all.
const maxRefs = 20

var refs = command{
	name:  "refs",
	args:  "address|fingerprint",
	short: "show who points to an object, in the memory of a kernel",
	text: `Searches the memory of this machine's kernel, or of a dead one with -core, for
pointers to the object at the address, or inside of it, and to all objects that
have the fingerprint of a leak. It says what each of them is: a variable with
its field, the stack of a thread, another object. Marked with * is what kmemleak
looks at as well: such a pointer is why an object is not reported.

Of a leaked object, it shows where the structure begins that it is part of, and
how much hangs on that. Of one that only other objects point to, it shows what
holds these.

    kmemleak refs -core /var/crash/vmcore 0xffff95ff00a5ac00

The running kernel is read from /proc/kcore, which needs root. Its memory
changes while it is read: what was different when read again is marked with ~.

` + coreText + `

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var from symbols
		var memory core
		var to output
		all := flags.Bool("all", false, fmt.Sprintf("write all references, not only the first %d to each object", maxRefs))
		from.define(flags)
		memory.define(flags)
		to.defineFile(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if len(args) != 1 {
				return 0, usageError{"one address or fingerprint is needed"}
			}
			if err := memory.check(); err != nil {
				return 0, err
			}
			k, closeAll, err := memory.open(ctx, std, &from)
			if err != nil {
				return 0, err
			}
			defer closeAll()
			defer std.progress.clear()
			std.progress.set("reading kmemleak's objects")
			addrs, err := targets(ctx, k, args[0])
			if len(addrs) == 0 {
				return 0, errors.Join(err, fmt.Errorf("no object has the fingerprint %s", args[0]))
			}
			std.progress.set("searching memory for pointers to %d objects", len(addrs))
			found, refsErr := k.Refs(ctx, addrs...)
			std.progress.clear()
			most := maxRefs
			if *all {
				most = vmcore.MaxRefs
			}
			return 0, errors.Join(err, refsErr, to.to(std, func(w io.Writer) error { return writeRefs(w, found, most) }))
		}
	},
}

// targets returns the addresses of what the user asked for.
func targets(ctx context.Context, k *vmcore.Kernel, which string) ([]uint64, error) {
	if hex, ok := strings.CutPrefix(which, "0x"); ok {
		addr, err := strconv.ParseUint(hex, 16, 64)
		if err != nil {
			return nil, usageError{fmt.Sprintf("%q is no address", which)}
		}
		return []uint64{addr}, nil
	}
	objects, err := k.Objects(ctx)
	var addrs []uint64
	for _, o := range objects {
		if (kmemleak.Leak{Addr: o.Addr, Size: o.Size, Backtrace: o.Backtrace}).Fingerprint() == which {
			addrs = append(addrs, o.Addr)
		}
	}
	return addrs, err
}

// writeRefs writes who points to objects.
func writeRefs(w io.Writer, found []vmcore.Referrers, most int) error {
	var b strings.Builder
	for i, r := range found {
		if i > 0 {
			b.WriteByte('\n')
		}
		o := &r.Object
		switch {
		case o.Size == 0:
			b.WriteString("No object that kmemleak tracks is there.\n")
		default:
			fmt.Fprintf(&b, "object 0x%x (size %d), allocated by %s, comm %q, pid %d\n", o.Addr, o.Size, ownerText(o), o.Comm, o.PID)
			fmt.Fprintf(&b, "  %s\n", stateText(o))
		}
		for _, root := range r.Roots {
			fmt.Fprintf(&b, "  the leaked structure begins with %v\n", root)
		}
		if p := r.Held; p != nil {
			fmt.Fprintf(&b, "  held through %d objects by %v at 0x%x, which points to 0x%x\n", p.Length-1, p.Ref.Holder, p.Ref.Addr, p.Ref.Value)
		}
		if len(r.Refs) == 0 {
			b.WriteString("  nothing in this memory points to it\n")
		}
		for n, ref := range r.Refs {
			if n == most {
				break
			}
			mark := " "
			if ref.Holder.Scanned {
				mark = "*"
			}
			if ref.Changed {
				mark = "~"
			}
			fmt.Fprintf(&b, "  %s 0x%x: %v", mark, ref.Addr, ref.Holder)
			if ref.Offset > 0 {
				fmt.Fprintf(&b, " (points %d bytes into it)", ref.Offset)
			}
			b.WriteByte('\n')
		}
		if more := len(r.Refs) - most; more > 0 || r.More > 0 {
			fmt.Fprintf(&b, "    and %d more\n", max(0, more)+r.More)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func ownerText(o *vmcore.Object) string {
	if name := (kmemleak.Leak{Backtrace: o.Backtrace}).Owner().Func(); name != "" {
		return name
	}
	return "unknown code"
}

// stateText says whether an object is leaked, and why not.
func stateText(o *vmcore.Object) string {
	switch {
	case o.Reported:
		return "it is reported as a leak"
	case o.MinCount == -1:
		return "kmemleak was told to ignore it"
	case o.MinCount == 0:
		return "kmemleak takes it for no leak, whoever points to it"
	case o.Count == -1 || o.White():
		return fmt.Sprintf("the last scan found %d references, of %d that it needs; it is not reported yet", max(0, o.Count), o.MinCount)
	}
	return fmt.Sprintf("it is not reported: the last scan found %d references, and %d are enough", o.Count, o.MinCount)
}
