// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"flag"
	"fmt"
	"runtime/debug"
)

var version = command{
	name:  "version",
	short: "print the version of this program",
	define: func(*flag.FlagSet) action {
		return func(_ context.Context, std stdio, args []string) (int, error) {
			if err := noArguments(args); err != nil {
				return 0, err
			}
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(std.out, versionText(info))
			return 0, err
		}
	},
}

// versionText returns the version, the revision and the version of Go. info is nil for
// programs that were built without modules.
func versionText(info *debug.BuildInfo) string {
	if info == nil {
		return "kmemleak of an unknown version"
	}
	text := "kmemleak " + info.Main.Version
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			text += ", revision " + s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			text += " with changes"
		}
	}
	return text + ", built with " + info.GoVersion
}
