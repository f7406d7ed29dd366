// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"flag"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

var symbolize = command{
	name:  "symbolize",
	args:  "[file ...]",
	short: "find the source lines of a report, or of the reports in a log",
	text: inputText + `

    dmesg | kmemleak symbolize
    dmesg -w | kmemleak symbolize
    kmemleak symbolize -dir hello-kernel.ko -snapshot snapshot.json report.txt

The exit status is 1 if there are leaks, as for the commands that look for them:
under set -e, that ends a script.

From a pipe that stays open, leaks are written whenever it has been silent for
a second, or for ten if a record has no frames as yet.

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var in input
		var from symbols
		var to output
		from.defineElsewhere(flags)
		in.define(flags)
		to.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if err := to.check(std); err != nil {
				return 0, err
			}
			s, err := from.symbolizer(std)
			if err != nil {
				return 0, err
			}
			defer s.Close()
			defer to.known.tell(std.err, "symbolize")
			if (len(args) == 0 || len(args) == 1 && args[0] == "-") && to.file == "" && (to.format.value == "text" || to.format.value == "json") {
				n := 0
				err := in.readLive(std, func(leaks []kmemleak.Leak, err error) error {
					more, err := to.report(ctx, std, leaks, err, leakfmt.Options{Symbolizer: s})
					n += more
					return err
				})
				return n, err
			}
			leaks, err := in.read(std, args)
			return to.report(ctx, std, leaks, err, leakfmt.Options{Symbolizer: s})
		}
	},
}
