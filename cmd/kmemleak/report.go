// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"

	"github.com/kmemleak/kmemleak/leakfmt"
)

var reportCommand = command{
	name:  "report",
	short: "write the leaks that a dead kernel had reported, out of its memory",
	text: `Reads kmemleak's own objects from the memory that -core names, and writes those
that the file of kmemleak would have listed.

    kmemleak report -core /var/crash/vmcore -vmlinux vmlinux

` + coreText + `

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var from symbols
		var to output
		var memory core
		from.defineElsewhere(flags)
		to.define(flags)
		memory.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if err := errors.Join(noArguments(args), to.check(std), memory.check()); err != nil {
				return 0, err
			}
			if !memory.given() {
				return 0, usageError{"-core is missing"}
			}
			s, err := from.symbolizer(std)
			if err != nil {
				return 0, err
			}
			defer s.Close()
			leaks, err := memory.leaks(ctx, std, &from, s)
			return to.report(ctx, std, leaks, err, leakfmt.Options{Symbolizer: s})
		}
	},
}
