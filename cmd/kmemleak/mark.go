// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/kmemleak/kmemleak/leakwindow"
)

var mark = command{
	name:  "mark",
	short: "print a cursor of now, for find -since and -windows",
	text: `A cursor is a word: the boot, the kernel's time in ticks of 1 to 10 ms, and
where modules are. What is allocated before mark begins is before the cursor,
and what is allocated after it has ended is behind it.

    before=$(kmemleak mark)
    ./test.sh
    kmemleak find -since "$before"

It is good for this boot of this machine only. It takes a few milliseconds, or
waits for the end of a scan that is at work; it neither scans nor locks
anything, and two searches can use the same cursor. The
exit status is 0, or 2 where kmemleak cannot be used.`,
	define: func(flags *flag.FlagSet) action {
		var at target
		at.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if err := noArguments(args); err != nil {
				return 0, err
			}
			h, err := at.open(ctx)
			if err != nil {
				return 0, err
			}
			defer h.close()
			// A hook learns before the test that nobody can look after it.
			if err := h.Probe(); err != nil {
				return 0, err
			}
			cursor, err := leakwindow.Take(ctx, &h.Detector)
			if err != nil {
				return 0, err
			}
			_, err = fmt.Fprintln(std.out, cursor)
			return 0, err
		}
	},
}
