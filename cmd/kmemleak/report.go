// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

var reportCommand = command{
	name:  "report",
	short: "write what the kernel reports now, or what a dead one had reported",
	text: `Writes the leaks of the last scans, whoever made them, that were not cleared.
No leaks means that these scans found none: what was lost since, and what was
younger than 5 s then, is not among them. Use find to look for leaks.

With -core, reads kmemleak's own objects from the memory of a dead machine
instead, and writes those that its file would have listed.

    kmemleak report -core /var/crash/vmcore -vmlinux vmlinux

The exit status is 0 if nothing is reported, 1 if something is, and 2 where
kmemleak cannot be used, since then nothing means nothing.

` + coreText + `

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var at target
		var from symbols
		var to output
		var memory core
		at.define(flags)
		from.define(flags)
		to.define(flags)
		memory.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if err := errors.Join(noArguments(args), to.check(std), memory.check()); err != nil {
				return 0, err
			}
			if memory.given() && at != (target{}) {
				return 0, usageError{"-core is a dead machine, -via and -serial are running ones"}
			}
			s, err := from.symbolizer(std)
			if err != nil {
				return 0, err
			}
			defer s.Close()
			defer to.known.tell(std.err, "report")
			var leaks []kmemleak.Leak
			options := leakfmt.Options{Symbolizer: s}
			if memory.given() {
				leaks, err = memory.leaks(ctx, std, &from, s)
				return to.report(ctx, std, leaks, err, options)
			}
			h, err := at.open(ctx)
			if err != nil {
				return 0, err
			}
			defer h.close()
			leaks, err = scanAndRead(ctx, std, &h.Detector, 0)
			h.useLoaded(std, s, leaks)
			options.Time, options.Clock, options.Allocinfo = time.Now(), h.clock(ctx), h.allocinfo()
			return to.report(ctx, std, leaks, err, options)
		}
	},
}
