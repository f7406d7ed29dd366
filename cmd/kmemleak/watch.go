// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

var watch = command{
	name:  "watch",
	short: "find again and again, and write leaks as they appear",
	text: `Does what find does, at intervals, until it is interrupted: writes the leaks
that are there at first, and then those that were not there before. The exit
status is that of all rounds together. If kmemleak cannot look any more, watch
ends with status 2. If a round fails for another reason, watch reports that,
and tries again in the next round. What no round can make sure of is said once.

With -textfile, the number and the size of all leaks is kept in a file for
node_exporter:

    kmemleak watch -interval 10m -textfile /var/lib/prometheus/node-exporter/kmemleak.prom

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var at target
		var from symbols
		var known suppressions
		known.define(flags)
		defineStatus(flags)
		at.define(flags)
		format := choice{"text", []string{"text", "json"}}
		interval := seconds(time.Minute)
		flags.Var(&interval, "interval", "begin each round this `time` after the end of the last one")
		textfile := flags.String("textfile", "", "write OpenMetrics to this `file`, which is replaced as a whole after each round")
		flags.Var(&format, "format", format.usage())
		from.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if err := noArguments(args); err != nil {
				return 0, err
			}
			if err := errors.Join(checkFile("textfile", *textfile), known.load()); err != nil {
				return 0, err
			}
			if _, err := from.symbolizer(std); err != nil { // report it at once
				return 0, err
			}
			h, err := at.open(ctx)
			if err != nil {
				return 0, err
			}
			defer h.close()
			ctx, stop := untilInterrupted(ctx)
			defer stop()
			w := watcher{std: std, known: known, host: h, from: from, text: format.value == "text", textfile: *textfile, doubts: make(map[string]bool)}
			defer func() { w.known.tell(std.err, "watch") }()
			return w.run(ctx, time.Duration(interval))
		}
	},
}

// A watcher looks for leaks in rounds.
type watcher struct {
	std      stdio
	from     symbols
	text     bool
	textfile string
	host     *host
	known    suppressions

	seen   []kmemleak.Leak
	doubts map[string]bool // those that were said
}

// run makes rounds until ctx ends, or until another round is of no use.
func (w *watcher) run(ctx context.Context, interval time.Duration) (leaks int, err error) {
	rounds, failed := 0, 0
	for {
		switch err := w.round(ctx); {
		case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		case err != nil && final(err):
			return len(w.seen), err
		case err != nil:
			fmt.Fprintf(w.std.err, "kmemleak watch: %v\n", err)
			rounds, failed = rounds+1, failed+1
		default:
			rounds++
		}
		select {
		case <-ctx.Done():
			switch {
			case rounds == 0:
				err = errors.New("interrupted before the first round was complete")
			case failed > 0:
				err = fmt.Errorf("%d of %d rounds failed", failed, rounds)
			}
			return len(w.seen), err
		case <-time.After(interval):
		}
	}
}

// final reports whether an error will be the same the next time.
func final(err error) bool {
	return errors.Is(err, kmemleak.ErrUnavailable) || errors.Is(err, kmemleak.ErrDisabled) ||
		errors.Is(err, fs.ErrPermission) || errors.As(err, new(writeError))
}

// round looks for leaks once.
func (w *watcher) round(ctx context.Context) error {
	found, err := w.host.Find(ctx, showProgress(w.std))
	leaks := found.Leaks
	w.std.progress.clear()
	for _, doubt := range found.Doubts {
		if text := doubt.Error(); !w.doubts[text] {
			w.doubts[text] = true
			fmt.Fprintf(w.std.err, "kmemleak watch: not sure: %s\n", text)
		}
	}
	if ctx.Err() != nil && err != nil {
		return err // an incomplete result is none
	}
	// Modules come and go, so each round has its own Symbolizer.
	s, symbolsErr := w.from.symbolizer(w.std)
	if symbolsErr != nil {
		fmt.Fprintf(w.std.err, "kmemleak watch: %v\n", symbolsErr)
		s = new(kmemleak.Symbolizer)
	}
	defer s.Close()
	w.host.useLoaded(w.std, s, leaks)
	options := &leakfmt.Options{Symbolizer: s, Time: time.Now(), Clock: w.host.clock(ctx), Allocinfo: w.host.allocinfo()}

	options.Symbolizer, _ = lookUp(ctx, w.std, s, leaks) // a signal that ends it ends the program, too
	w.known.uses, w.known.count = nil, 0                 // each round sees all leaks again
	leaks = w.known.filter(leaks, options.Symbolizer, err)
	added, _ := kmemleak.Diff(w.seen, leaks)
	w.seen = append(w.seen, added...)
	var failed error
	switch {
	case !w.text: // for programs, this failure is part of the output
		options.Err = err
		failed = leakfmt.JSONLines(w.std.out, added, options)
	case len(added) > 0:
		fmt.Fprintf(w.std.out, "%s: ", options.Time.Format(time.RFC3339))
		failed = leakfmt.Text(w.std.out, added, options)
	}
	if w.textfile != "" {
		options.Err = err
		failed = errors.Join(failed, writeFile(w.textfile, func(f io.Writer) error { return leakfmt.OpenMetrics(f, leaks, options) }))
	}
	if failed != nil {
		err = errors.Join(err, writeError{failed})
	}
	return err
}
