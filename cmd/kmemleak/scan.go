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

var scan = command{
	name:  "scan",
	short: "scan and write what the kernel reports, old leaks and new ones",
	text: `Makes the kernel scan all memory, and writes what it then reports: all leaks
that were not cleared, whoever found them.

An object is reported by the second scan that sees it at the earliest, and
only if it was older than 5 s at the start of that scan. So no leaks means
here that there are none older than that. In contrast, find waits until all
that is there now is old enough, and checks that what it finds is not
referenced after all.

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var at target
		var from symbols
		var to output
		at.define(flags)
		n := flags.Uint("n", 2, "make this `number` of scans; 0 writes the report as it is")
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
			leaks, err := scanAndRead(ctx, std, &h.Detector, *n)
			h.useLoaded(std, s, leaks)
			defer to.known.tell(std.err, "scan")
			return to.report(ctx, std, leaks, err, leakfmt.Options{Symbolizer: s, Time: time.Now(), Clock: h.clock(ctx), Allocinfo: h.allocinfo()})
		}
	},
}

// scanAndRead makes n scans and reads the report.
func scanAndRead(ctx context.Context, std stdio, d *kmemleak.Detector, n uint) (leaks []kmemleak.Leak, err error) {
	defer std.progress.clear()
	for i := range n {
		std.progress.set("scan %d of %d", i+1, n)
		if err := d.Scan(ctx); err != nil {
			return nil, err
		}
	}
	for leak, err := range d.Leaks() {
		if err != nil {
			return leaks, err
		}
		leaks = append(leaks, leak)
		if len(leaks)%1000 == 0 {
			std.progress.set("reading, %d leaks", len(leaks))
		}
	}
	return leaks, nil
}
