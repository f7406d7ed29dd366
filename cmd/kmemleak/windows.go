// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakwindow"
)

// moments are the flags about the time of allocations.
type moments struct {
	since, windows string
}

const momentsText = `With -since, find finds what was allocated since a cursor of kmemleak mark, and
is leaked. A cursor of another boot is refused (2).

With -windows, each leak is assigned to the test in which it was allocated, so
that a suite of many tests pays for one search. The file has a line a test: its
name, its beginning and its end, with blanks between them. Either is a cursor,
or seconds since boot as /proc/uptime begins with; the end may also be "-", for
now. One cursor may end a test and begin the next. Seconds are exact to a few
ticks only. Leaks of no test are shown as such. In the text, leaks stand below
their tests; with -format junit, ktap and json they carry them. The others,
openmetrics and pprof, have no place for tests and are refused.

    cursor=$(kmemleak mark)
    for t in tests/*; do
        $t; next=$(kmemleak mark)
        echo "$t $cursor $next" >> windows; cursor=$next
    done
    kmemleak find -since "$(awk 'NR == 1 {print $(NF-1)}' windows)" -windows windows`

func (m *moments) define(flags *flag.FlagSet) {
	flags.StringVar(&m.since, "since", "", "find what was allocated since this `cursor` of kmemleak mark; @file reads it from a file")
	flags.StringVar(&m.windows, "windows", "", "assign leaks to the tests in this `file`: a line is a name, a beginning and an end")
}

// sinceCursor returns the options for -since, and where modules were at that time.
func (m *moments) sinceCursor(ctx context.Context, h *host) ([]kmemleak.Option, []kmemleak.Module, error) {
	if m.since == "" {
		return nil, nil, nil
	}
	text := m.since
	if name, ok := strings.CutPrefix(text, "@"); ok {
		b, err := readBounded(name)
		if err != nil {
			return nil, nil, err
		}
		text = string(b)
	}
	c, err := leakwindow.ParseCursor(text)
	if err != nil {
		return nil, nil, fmt.Errorf("-since: %w", err)
	}
	boot, err := leakwindow.BootID(ctx, &h.Detector)
	if err != nil {
		return nil, nil, fmt.Errorf("-since: %w", err)
	}
	if err := c.On(boot); err != nil {
		return nil, nil, fmt.Errorf("-since: %w", err)
	}
	return []kmemleak.Option{kmemleak.Since(c.Jiffies)}, c.Modules, nil
}

// tests returns the windows of -windows, nil without the flag, and loaded with the modules
// that were in memory then.
func (m *moments) tests(ctx context.Context, h *host, loaded []kmemleak.Module) ([]kmemleak.Window, []kmemleak.Module, error) {
	if m.windows == "" {
		return nil, loaded, nil
	}
	file, err := os.Open(m.windows)
	if err != nil {
		return nil, loaded, err
	}
	defer file.Close()
	spans, err := leakwindow.Parse(file)
	if err == nil {
		var boot *leakwindow.Boot
		if boot, err = leakwindow.Read(ctx, &h.Detector); err == nil {
			var windows []kmemleak.Window
			var modules []kmemleak.Module
			if windows, modules, err = boot.Windows(spans, loaded); err == nil {
				return windows, modules, nil
			}
		}
	}
	return nil, loaded, fmt.Errorf("%s: %w", m.windows, err)
}

// readBounded reads a file that is to be small.
func readBounded(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, 1<<20))
}
