// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/kmemleak/kmemleak"
)

// KTAP writes leaks as test results in version 1 of the Kernel Test Anything Protocol
// (Documentation/dev-tools/ktap.rst), which tools such as kunit.py and kselftest read.
//
// Test 1 is "search". It is "not ok" if [Options.Err] is not nil, and no test is skipped for
// that, since readers take a skipped test for one that need not be looked at. Each group of
// leaks is a test that is "not ok", called after its owner as in [JUnit]. With
// [Options.Windows], each test is one instead: it is "ok" only if the search took place and
// the test did not leak. Before the result of a test stands the text of [Text], as
// diagnostics. All groups beyond Options.MaxGroups are one test.
func KTAP(w io.Writer, leaks []kmemleak.Leak, o *Options) error {
	options := o.get()
	options.Color = Never
	results := []ktapResult{options.ktapSearch()}
	if options.Windows != nil {
		for _, t := range testsOf(leaks, options.Windows) {
			r := ktapResult{name: t.String(), ok: len(t.Leaks) == 0 && options.Err == nil}
			switch {
			case len(t.Leaks) > 0:
				r.text = headline(t.Leaks, len(kmemleak.Groups(t.Leaks))) + "\n" + options.textOf(t.Leaks)
			case !r.ok:
				r.text = "nobody knows whether it leaked: the search failed\n"
			}
			results = append(results, r)
		}
	} else {
		for _, c := range junitCases(leaks, &options) {
			results = append(results, ktapResult{name: c.Class + ": " + c.Name, text: c.Failure.Message + "\n" + c.Failure.Text})
		}
	}
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "KTAP version 1\n1..%d\n", len(results))
	for i, r := range results {
		for line := range strings.Lines(r.text) {
			fmt.Fprintf(out, "# %s\n", strings.TrimRight(line, "\n"))
		}
		result := "not ok"
		if r.ok {
			result = "ok"
		}
		fmt.Fprintf(out, "%s %d %s\n", result, i+1, ktapName(r.name))
	}
	return out.Flush()
}

// A ktapResult is the result of one test.
type ktapResult struct {
	name string
	ok   bool
	text string // diagnostics
}

// ktapSearch returns the result of the search itself.
func (o *Options) ktapSearch() ktapResult {
	r := ktapResult{name: "search", ok: o.Err == nil}
	if o.Err != nil {
		r.text = "could not look, or leaks may be missing: " + errorText(o.Err) + "\n"
	}
	for _, doubt := range o.Doubts {
		r.text += "not sure: " + errorText(doubt) + "\n"
	}
	return r
}

// ktapName returns a name that a reader takes as a whole: behind a # stand directives, and
// a leading number or minus belongs to the result.
func ktapName(name string) string {
	name = strings.ReplaceAll(strings.Join(strings.Fields(text(name)), " "), "#", "_")
	return cmp.Or(strings.TrimLeft(name, "- "), "unnamed")
}
