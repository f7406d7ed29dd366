// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package main

import (
	"context"
	"flag"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

var pprof = command{
	name:  "pprof",
	args:  "[file ...]",
	short: "make a profile for pprof of a report, or of the reports in a log",
	text: inputText + `

    kmemleak pprof -o leaks.pb.gz report.txt
    go tool pprof -http :8080 leaks.pb.gz

With -format pprof, other commands make profiles of what they find.

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var in input
		var from symbols
		to := output{format: choice{value: "pprof"}}
		from.defineElsewhere(flags)
		in.define(flags)
		to.known.define(flags)
		to.defineFile(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if err := to.check(std); err != nil {
				return 0, err
			}
			s, err := from.symbolizer(std)
			if err != nil {
				return 0, err
			}
			defer s.Close()
			defer to.known.tell(std.err, "pprof")
			leaks, err := in.read(std, args)
			clock, _ := kmemleak.LeaksClock(leaks) // or one that knows nothing
			return to.report(ctx, std, leaks, err, leakfmt.Options{Symbolizer: s, Clock: clock})
		}
	},
}
