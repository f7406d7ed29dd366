// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
)

var diff = command{
	name:  "diff",
	args:  "before after",
	short: "write the leaks of one report that an earlier one does not have",
	text: inputText + `

Leaks are the same if they are of the same object; both reports must be of one
boot. With -places, places are compared, across boots and builds of a kernel: a
place that has more leaks than before has so many new ones, and so has a new
line of a function whose code has not changed.

` + symbolsText,
	define: func(flags *flag.FlagSet) action {
		var in input
		var from symbols
		var to output
		places := flags.Bool("places", false, "compare places, not objects")
		from.defineElsewhere(flags)
		in.define(flags)
		to.define(flags)
		return func(ctx context.Context, std stdio, args []string) (int, error) {
			if len(args) != 2 {
				return 0, usageError{"two files are compared"}
			}
			if args[0] == "-" && args[1] == "-" {
				return 0, usageError{"standard input is read once: one of the two is a file"}
			}
			if err := to.check(std); err != nil {
				return 0, err
			}
			s, err := from.symbolizer(std)
			if err != nil {
				return 0, err
			}
			defer s.Close()
			before, err1 := in.read(std, args[:1])
			// Without the one file, all of the other would be news.
			if errors.As(err1, new(*os.PathError)) {
				return 0, err1
			}
			after, err2 := in.read(std, args[1:])
			if errors.As(err2, new(*os.PathError)) {
				return 0, err2
			}
			err = errors.Join(err1, err2)
			if len(to.known.list) > 0 { // with the names that lines of code have
				_, _ = lookUp(ctx, std, s, slices.Concat(before, after))
				was := suppressions{list: to.known.list}
				before = was.filter(before, s, err)
				after = to.known.filter(after, s, err)
				defer func(k suppressions) { k.tell(std.err, "diff") }(to.known)
				to.known = suppressions{}
			}
			compare := kmemleak.Diff
			if *places {
				compare = kmemleak.DiffPlaces
			}
			added, gone := compare(before, after)
			if to.format.value == "text" && err == nil {
				s, notLoaded := lookUp(ctx, std, s, added)
				return len(added), errors.Join(notLoaded, to.to(std, func(w io.Writer) error { return writeDiff(w, before, after, added, gone, s) }))
			}
			return to.report(ctx, std, added, err, leakfmt.Options{Symbolizer: s})
		}
	},
}

// writeDiff writes the differences as text for people.
func writeDiff(w io.Writer, before, after, added, gone []kmemleak.Leak, s *kmemleak.Symbolizer) error {
	if _, err := fmt.Fprintf(w, "%d new, %d gone\n", objects(added), objects(gone)); err != nil || len(added) == 0 {
		return err
	}
	had, has := countPlaces(before), countPlaces(after)
	for _, g := range kmemleak.Groups(added) {
		if n := had[g.Fingerprint]; n > 0 {
			owner := leakfmt.Owner(g.Example, &leakfmt.Options{Symbolizer: s})
			if _, err := fmt.Fprintf(w, "known place, had %d, has %d: %s\n", n, has[g.Fingerprint], owner); err != nil {
				return err
			}
		}
	}
	return leakfmt.Text(w, added, &leakfmt.Options{Symbolizer: s})
}

// countPlaces counts the objects of each place.
func countPlaces(leaks []kmemleak.Leak) map[string]int {
	n := make(map[string]int)
	for _, g := range kmemleak.Groups(leaks) {
		n[g.Fingerprint] = g.Count
	}
	return n
}

// objects counts those that leaks stand for.
func objects(leaks []kmemleak.Leak) (n int) {
	for _, l := range leaks {
		n += l.Objects()
	}
	return n
}
