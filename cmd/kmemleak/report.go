// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/kmemleak/kmemleak/leakfmt"
)

var reportCommand = command{
	name:  "report",
	short: "write what the kernel reports now, without a scan",
	text: `Writes the leaks of the last scans, whoever made them, that were not cleared.
No leaks means that these scans found none: what was lost since, and what was
younger than 5 s then, is not among them. Use find to look for leaks.

The exit status is 0 if nothing is reported, 1 if something is, and 2 where
kmemleak cannot be used, since then nothing means nothing.

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var at target
		var from symbols
		var to output
		at.define(flags)
		from.define(flags)
		to.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if err := errors.Join(noArguments(args), to.check(std)); err != nil {
				return 0, err
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
			leaks, err := scanAndRead(ctx, std, &h.Detector, 0)
			h.useLoaded(std, s, leaks)
			defer to.known.tell(std.err, "report")
			return to.report(ctx, std, leaks, err, leakfmt.Options{Symbolizer: s, Time: time.Now(), Clock: h.clock(ctx)})
		}
	},
}
