// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/kmemleak/kmemleak"
)

// setting returns a command that sets something of a kernel's kmemleak.
func setting(c command, set func(d *kmemleak.Detector, value string) error) command {
	c.define = func(flags *flag.FlagSet) action {
		var at target
		at.define(flags)
		return func(ctx context.Context, _ stdio, args []string) (int, error) {
			if len(args) != 1 {
				return 0, usageError{"one value is set: " + c.args}
			}
			// What is wrong is told without asking the machine.
			if err := set(nil, args[0]); err != nil {
				return 0, err
			}
			h, err := at.open(ctx)
			if err != nil {
				return 0, err
			}
			defer h.close()
			return 0, set(&h.Detector, args[0])
		}
	}
	return c
}

var stack = setting(command{
	name:  "stack",
	args:  "on|off",
	short: "have scans look for pointers on the stacks of tasks, or not",
	text: `They do after boot and after find. Without the stacks more is reported, some of
it wrongly: what only a running function points to. The exit status is 0 or 2.`,
	words: func() []string { return []string{"on", "off"} },
}, func(d *kmemleak.Detector, value string) error {
	if value != "on" && value != "off" {
		return usageError{fmt.Sprintf("%q is not on or off", value)}
	}
	if d == nil {
		return nil
	}
	return d.SetStackScan(value == "on")
})

var auto = setting(command{
	name:  "auto",
	args:  "time|off",
	short: "have the kernel scan by itself, or not",
	text: `The kernel sleeps for the time between two scans, such as 10m; a number without
a unit is of seconds. Whole seconds are what it knows. Find stops the automatic
scan for a while and restores it. The exit status is 0 or 2.`,
	words: func() []string { return []string{"10m", "off"} },
}, func(d *kmemleak.Detector, value string) error {
	var period time.Duration
	if value != "off" {
		var err error
		if period, err = parseSeconds(value); err != nil {
			return usageError{err.Error() + ", and not off"}
		}
	}
	if d == nil {
		return nil
	}
	return d.SetAutoScan(period)
})

var off = command{
	name:  "off",
	short: "switch kmemleak off until the next boot",
	text: `It frees the memory and the time that kmemleak takes. Nothing but a boot switches
it on again, so -yes is asked for. The exit status is 0 or 2.`,
	define: func(flags *flag.FlagSet) action {
		var at target
		at.define(flags)
		yes := flags.Bool("yes", false, "do it, though it cannot be undone")
		return func(ctx context.Context, _ stdio, args []string) (int, error) {
			if err := noArguments(args); err != nil {
				return 0, err
			}
			if !*yes {
				return 0, usageError{"only a boot switches it on again: -yes if that is what you want (to end the automatic scan: kmemleak auto off)"}
			}
			h, err := at.open(ctx)
			if err != nil {
				return 0, err
			}
			defer h.close()
			return 0, h.Disable()
		}
	},
}
