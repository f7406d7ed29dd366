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
			addr, print, err := parseWhich(args[0])
			if err != nil {
				return 0, err
			}
			if err := errors.Join(memory.check(), to.check(std)); err != nil {
				return 0, err
			}
			k, err := memory.openKernel(ctx, std, &from)
			if err != nil {
				return 0, err
			}
			defer k.close()
			defer std.progress.clear()
			found, err := lookFor(ctx, std, k.kernel, addr, print)
			std.progress.clear()
			if len(found) == 0 {
				if err == nil {
					err = fmt.Errorf("no object has the fingerprint %s (an address begins with 0x)", print)
				}
				return 0, err
			}
			most := maxRefs
			if *all {
				most = vmcore.MaxRefs
			}
			return 0, errors.Join(err, to.to(std, func(w io.Writer) error { return writeRefs(w, found, most) }))
		}
	},
}

// parseWhich reads what the user asks for: an address, or a fingerprint, which is "" then.
func parseWhich(which string) (addr uint64, print string, err error) {
	print = strings.ToLower(which)
	hex, ok := strings.CutPrefix(print, "0x")
	if !ok && isFingerprint(print) {
		return 0, print, nil
	}
	if addr, err = strconv.ParseUint(hex, 16, 64); !ok || err != nil {
		return 0, "", usageError{fmt.Sprintf("%q is no address such as 0xffff95ff00a5ac00, and no fingerprint of 16 hexadecimal digits", which)}
	}
	return addr, "", nil
}

// lookFor searches for pointers to an address or, if there is one, to all objects of a
// fingerprint.
func lookFor(ctx context.Context, std stdio, k *vmcore.Kernel, addr uint64, print string) ([]vmcore.Referrers, error) {
	showSearch(std, k)
	if print == "" {
		return k.Refs(ctx, addr)
	}
	return k.RefsWhere(ctx, func(o *vmcore.Object) bool {
		return kmemleak.Leak{Addr: o.Addr, Size: o.Size, Backtrace: o.Backtrace}.Fingerprint() == print
	})
}

// showSearch shows the progress of a search for pointers.
func showSearch(std stdio, k *vmcore.Kernel) {
	std.progress.set("reading kmemleak's objects")
	var show func(done, total uint64)
	k.Progress = func(done, total uint64) {
		if show == nil {
			show = std.progress.meter("searching memory")
		}
		show(done, total)
		if done == total {
			std.progress.set("looking at who points there")
		}
	}
}

// writeRefs writes who points to objects.
func writeRefs(w io.Writer, found []vmcore.Referrers, most int) error {
	var b strings.Builder
	for i := range found {
		if i > 0 {
			b.WriteByte('\n')
		}
		describeRefs(&b, &found[i], most, true)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// describeRefs describes who points to an object. It writes most references, and with each
// also those in memory that kmemleak does not track, one by one.
func describeRefs(b *strings.Builder, r *vmcore.Referrers, most int, each bool) {
	o := &r.Object
	switch {
	case o.Size == 0:
		b.WriteString("No object that kmemleak tracks is there.\n")
	default:
		fmt.Fprintf(b, "object 0x%x (size %d), allocated by %s, comm %q, pid %d\n", o.Addr, o.Size, ownerText(o), o.Comm, o.PID)
		fmt.Fprintf(b, "  %s\n", stateText(o))
	}
	for n, root := range r.Roots {
		if n == most {
			fmt.Fprintf(b, "    and at %d more places\n", len(r.Roots)-most)
			break
		}
		fmt.Fprintf(b, "  the leaked structure begins with %v\n", root)
	}
	if p := r.Held; p != nil {
		fmt.Fprintf(b, "  held through %d objects by %v at 0x%x, which points to 0x%x\n", p.Length-1, p.Ref.Holder, p.Ref.Addr, p.Ref.Value)
	}
	if len(r.Refs) == 0 && r.More == 0 {
		b.WriteString("  nothing in this memory points to it\n")
	}
	if r.Unexplained() {
		b.WriteString("  where kmemleak looks, nothing points to it: a pointer has gone since that scan, or the content had changed, for which kmemleak waits\n")
	}
	shown := 0
	rest := make(map[bool]int) // by whether they are in memory that kmemleak does not track
	for _, ref := range r.Refs {
		untracked := ref.Holder.Kind == vmcore.HolderUntracked
		if shown == most || untracked && !each {
			rest[untracked]++
			continue
		}
		shown++
		mark := " "
		if ref.Holder.Scanned {
			mark = "*"
		}
		if ref.Changed {
			mark = "~"
		}
		fmt.Fprintf(b, "  %s 0x%x: %v", mark, ref.Addr, ref.Holder)
		if ref.Offset > 0 {
			fmt.Fprintf(b, " (points %d bytes into it)", ref.Offset)
		}
		b.WriteByte('\n')
	}
	if n := rest[false] + r.More; n > 0 {
		fmt.Fprintf(b, "    and %d more\n", n)
	}
	if n := rest[true]; n > 0 {
		fmt.Fprintf(b, "    and %d in memory that kmemleak does not track\n", n)
	}
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
