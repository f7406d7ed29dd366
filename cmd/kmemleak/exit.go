// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"flag"
	"slices"
	"strings"
)

// Exit statuses. A command that could not look exits with statusError, whatever it has
// found.
const (
	statusNone    = 0 // looked, and no leaks
	statusLeaks   = 1
	statusError   = 2 // could not look, or only at part of the input
	statusCommand = 3 // no leaks, but the command that find ran has failed
	statusUsage   = 4 // wrong command line; statusError by default
)

// conventions are what callers want to be told. What each means for the caller:
//
//   - git bisect run: 0 is good, 125 cannot be tested, up to 127 is bad, more ends the
//     bisection. A leak is bad only if the whole search took place.
//   - kselftest: 0 passes, 1 fails, 4 is skipped. What was found fails, though the search
//     was not complete, since nobody looks at what is skipped.
var conventions = map[string]func(status, leaks int) int{
	"default": func(status, _ int) int {
		if status == statusUsage {
			return statusError
		}
		return status
	},
	"bisect": func(status, _ int) int {
		switch status {
		case statusNone, statusLeaks:
			return status
		case statusUsage:
			return 255
		}
		return 125
	},
	"kselftest": func(status, leaks int) int {
		switch {
		case status == statusNone:
			return 0
		case status == statusError && leaks == 0:
			return 4
		}
		return 1
	},
}

const conventionText = `With -status bisect, the exit status is what git bisect run asks for: 0 for no
leaks, 1 for leaks, 125 where it could not look, so that the build is skipped,
and 255, which ends the bisection, for a wrong command line. With -status
kselftest it is 0 for no leaks, 1 for leaks or a command that failed, and 4
where it could not look.`

// defineStatus defines the flag -status.
func defineStatus(flags *flag.FlagSet) {
	flags.Var(&choice{"default", []string{"default", "bisect", "kselftest"}}, "status", "exit as `default|bisect|kselftest` wants it; see help statuses")
}

// conventionOf returns the convention that a command line asks for, though it is wrong: a
// bisection takes most statuses for bad.
func conventionOf(args []string) func(status, leaks int) int {
	name := "default"
	for i, arg := range args {
		if arg == "--" {
			break
		}
		flagName, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if !strings.HasPrefix(arg, "-") || flagName != "status" {
			continue
		}
		if !ok && i+1 < len(args) {
			value = args[i+1]
		}
		name = value
	}
	if c := conventions[name]; c != nil {
		return c
	}
	if slices.ContainsFunc([]string{"bis", "git"}, func(s string) bool { return strings.HasPrefix(name, s) }) {
		return conventions["bisect"] // misspelled, and it must not say bad
	}
	return conventions["default"]
}
