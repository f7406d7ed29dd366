// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"flag"
)

var clearCommand = command{
	name:  "clear",
	short: "make the kernel forget the leaks that it reports",
	text: `They are never reported again, to anyone. Objects that are lost but not
reported yet are not forgotten: run find before clear to find these, too.`,
	define: func(flags *flag.FlagSet) action {
		var at target
		at.define(flags)
		return func(ctx context.Context, _ stdio, args []string) (int, error) {
			if err := noArguments(args); err != nil {
				return 0, err
			}
			h, err := at.open(ctx)
			if err != nil {
				return 0, err
			}
			defer h.close()
			return 0, h.Clear()
		}
	},
}
