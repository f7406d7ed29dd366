// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"flag"

	"github.com/kmemleak/kmemleak/leakfmt"
)

var symbolize = command{
	name:  "symbolize",
	args:  "[file ...]",
	short: "find the source lines of a report, or of the reports in a log",
	text: inputText + `

    dmesg | kmemleak symbolize
    kmemleak symbolize -dir hello-kernel.ko -snapshot snapshot.json report.txt

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
			leaks, err := in.read(std, args)
			return to.report(ctx, std, leaks, err, leakfmt.Options{Symbolizer: s})
		}
	},
}
