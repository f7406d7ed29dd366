// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"encoding/json"
	"flag"
)

var snapshot = command{
	name:  "snapshot",
	short: "write where modules are in memory, to be kept with a report",
	text: `The kernel prints bare addresses where it has lost the names: for functions of
unloaded modules, and for functions that run when a module is loaded. A
snapshot that is taken while the modules are loaded resolves them, see
symbolize -snapshot. It is JSON, about 1 KB for each module.`,
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
			s, err := h.Snapshot()
			if err != nil {
				return 0, err
			}
			return 0, json.NewEncoder(std.out).Encode(s)
		}
	},
}
