// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

var dump = command{
	name:  "dump",
	args:  "address",
	short: "show what the kernel knows about an object, leaked or not",
	text: `The address is that of an object as in a report, such as 0xffff95ff00a5ac00;
kernels since 6.15 take any address inside it. The kernel answers in its log,
from which this is read. The exit status is 0, or 2 if the kernel tracks no
object there.

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var at target
		var from symbols
		at.define(flags)
		from.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if len(args) != 1 {
				return 0, usageError{"one address is asked for"}
			}
			addr, err := strconv.ParseUint(strings.TrimPrefix(args[0], "0x"), 16, 64)
			if err != nil {
				return 0, usageError{fmt.Sprintf("%q is no address", args[0])}
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
			o, err := h.Dump(addr)
			if err != nil {
				return 0, err
			}
			leaks := []kmemleak.Leak{{
				Addr: o.Addr, Size: o.Size, PerCPU: o.PerCPU, Comm: o.Comm, PID: o.PID, Jiffies: o.Jiffies, Backtrace: o.Backtrace,
			}}
			h.useLoaded(std, s, leaks)
			s, notLoaded := lookUp(ctx, std, s, leaks)
			options := &leakfmt.Options{Symbolizer: s, Clock: h.clock(ctx), Time: time.Now()}
			return 0, errors.Join(notLoaded, writeAll(std.out, func(w io.Writer) { writeObject(w, o, leaks, options) }))
		}
	},
}

// writeObject writes an object, which is no leak, as one.
func writeObject(w io.Writer, o kmemleak.Object, leaks []kmemleak.Leak, options *leakfmt.Options) {
	var text strings.Builder
	_ = leakfmt.Text(&text, leaks, options)          // a Builder returns no errors
	_, rest, _ := strings.Cut(text.String(), "\n\n") // that it is one leak
	state := fmt.Sprintf("the last scan found %d references to it, and it counts as lost with fewer than %d", o.Count, o.MinCount)
	if o.MinCount <= 0 {
		state = "it is to be ignored, or was cleared: no leak whoever points to it"
	}
	if o.NoScan() {
		state += "; it is not searched for pointers"
	}
	fmt.Fprintf(w, "object 0x%x, %d bytes: %s\n%s", o.Addr, o.Size, state, strings.Replace(rest, "  1 leak, ", "  ", 1))
}
