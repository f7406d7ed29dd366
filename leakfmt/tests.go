// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakwindow"
)

// tests writes the groups of leaks, below the tests that they are of if these are known.
func (p *printer) tests(leaks []kmemleak.Leak, groups []kmemleak.Group) error {
	if p.Windows == nil {
		return p.places(groups)
	}
	for _, t := range leakwindow.Assign(leaks, p.Windows) {
		groups := kmemleak.Groups(t.Leaks)
		p.line(plain, "")
		p.line(bold, "%s: %s", text(t.String()), headline(t.Leaks, len(groups)))
		if err := p.places(groups); err != nil {
			return err
		}
	}
	return nil
}

// testsOf returns all tests in their order, those without leaks among them, and behind them
// what may be of several tests or is of none.
func testsOf(leaks []kmemleak.Leak, windows []kmemleak.Window) []leakwindow.Assigned {
	at := make(map[string]int)
	var tests []leakwindow.Assigned
	for _, w := range windows {
		if _, ok := at[w.Name]; !ok {
			at[w.Name] = len(tests)
			tests = append(tests, leakwindow.Assigned{Tests: []string{w.Name}})
		}
	}
	for _, a := range leakwindow.Assign(leaks, windows) {
		if len(a.Tests) == 1 {
			tests[at[a.Tests[0]]] = a
		} else {
			tests = append(tests, a)
		}
	}
	return tests
}

// textOf returns the groups of leaks as Text writes them.
func (o *Options) textOf(leaks []kmemleak.Leak) string {
	var b bytes.Buffer
	options := *o
	options.Color = Never
	p := newPrinter(&b, &options)
	_ = p.places(kmemleak.Groups(leaks)) // a buffer has no errors
	p.legend()
	p.out.Flush()
	return b.String()
}
