// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kmemleak/kmemleak/leakstatus"
)

var status = command{
	name:  "status",
	short: "say whether leaks can be looked for, how kmemleak is set, and what to do",
	text: `Where leaks cannot be looked for, it says which option of the kernel's
configuration or which boot parameter is missing, and how to set it. Where they
can, it says what is reported now, and who else drives kmemleak: it watches for
a second. It changes nothing.

The exit status is 0 if leaks can be looked for, and 2 if not.`,
	define: func(flags *flag.FlagSet) action {
		var at target
		at.define(flags)
		patience := seconds(time.Second)
		flags.Var(&patience, "watch", "watch for this `time` who else drives kmemleak")
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if err := noArguments(args); err != nil {
				return 0, err
			}
			h, err := at.open(ctx)
			if err != nil {
				return 0, err
			}
			defer h.close()
			std.progress.set("watching who drives kmemleak")
			s := leakstatus.Look(ctx, &h.Detector, time.Duration(patience))
			std.progress.clear()
			if _, err := std.out.Write(statusLines(s)); err != nil {
				return 0, err
			}
			return 0, s.Problem
		}
	},
}

// statusLines returns a status for people.
func statusLines(s *leakstatus.Status) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, clean(fmt.Sprintf(format, args...)))
	}
	row("kernel", "%s", cmp.Or(s.Release, "not known"))
	if s.Problem == nil {
		row("kmemleak", "on")
	} else {
		row("kmemleak", "cannot be used: %s", withoutOperation(s.Problem.Error()))
	}
	switch {
	case s.ConfigFile != "":
		row("configuration", "%s", s.ConfigFile)
	case s.Release == "":
		row("configuration", "not known")
	default:
		row("configuration", "not known: no /proc/config.gz, and no config in /boot or /lib/modules")
	}
	if len(s.CommandLine) > 0 {
		row("command line", "%q", s.CommandLine)
	}
	for _, setting := range s.Settings {
		if setting.Note == "" {
			row(setting.Name, "%s", setting.Value)
		} else {
			row(setting.Name, "%s: %s", setting.Value, setting.Note)
		}
	}
	if s.Problem == nil {
		switch {
		case s.ReportErr != nil:
			row("reported now", "at least %d leaks, %d bytes: %v", s.Reported, s.Bytes, s.ReportErr)
		case s.Reported == 0:
			row("reported now", "no leaks, by the scans until now")
		default:
			row("reported now", "%d leaks, %d bytes, by the scans until now", s.Reported, s.Bytes)
		}
		switch {
		case len(s.Writers) > 0:
			row("others", "%q wrote to the control file meanwhile", s.Writers)
		case s.Searching:
			row("others", "a search for leaks is at work")
		case s.WatchErr != nil:
			row("others", "not known: %v", s.WatchErr)
		default:
			row("others", "nobody wrote to the control file meanwhile")
		}
	}
	w.Flush() // a buffer has no errors
	b.WriteString("\nnext:\n")
	for _, line := range s.Advice() {
		fmt.Fprintf(&b, "  %s\n", clean(line))
	}
	return b.Bytes()
}

// clean replaces what a terminal may take for something else in text of a kernel.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, text)
}
