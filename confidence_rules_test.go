// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/resolve"
)

// TestRules goes through the table of rules. The facts are changed from those of a name
// that everything fits.
func TestRules(t *testing.T) {
	bare := func(text resolve.Text) func(*resolve.Facts) {
		return func(f *resolve.Facts) {
			text.Candidates = max(text.Candidates, 1)
			f.Kind, f.Text, f.Evidence = resolve.Recovered, &text, "its text"
		}
	}
	all := func(changes ...func(*resolve.Facts)) func(*resolve.Facts) {
		return func(f *resolve.Facts) {
			for _, change := range changes {
				change(f)
			}
		}
	}
	direct := func(f *resolve.Facts) { f.Link = resolve.LinkDirect }
	same := func(f *resolve.Facts) { f.Build = resolve.BuildSame }
	misfit := func(f *resolve.Facts) { f.Misfit = &resolve.Frame{Func: "g", Size: 1} }
	const beside = "assumed: g+0x0/0x1 does not fit this file, which may be of another build"
	for _, tt := range []struct {
		name   string
		change func(f *resolve.Facts)
		want   string
	}{
		{"everything fits", func(*resolve.Facts) {}, "consistent: "},
		{"no place", func(f *resolve.Facts) { f.Fits = 0 }, "unresolved: "},
		{"same build", same, "proved: the build IDs agree"},
		{"calls the function above", all(same, direct), "proved: the call is of the function of the frame above"},
		{"leads there", func(f *resolve.Facts) { f.Link, f.Lead = resolve.LinkTail, "a, b" }, "proved: the call is of a, b, which leads to the frame above by jumps"},
		{"calls another function", all(same, func(f *resolve.Facts) { f.Link = resolve.LinkDenied }), "contradicted: "},
		{"another build", all(direct, func(f *resolve.Facts) { f.Build = resolve.BuildOther }), "contradicted: "},
		{"of another machine", all(direct, func(f *resolve.Facts) { f.Foreign = resolve.ForeignMachine }), "contradicted: "},
		{"of another release", all(direct, func(f *resolve.Facts) { f.Foreign = resolve.ForeignKernel }), "contradicted: "},
		{"of another release, with versions", all(direct, func(f *resolve.Facts) { f.Foreign = resolve.ForeignPerhaps }), "ambiguous: "},
		{"beyond the function", all(direct, func(f *resolve.Facts) { f.Beyond = true }), "contradicted: "},
		{"not after a call, at several places", func(f *resolve.Facts) { f.Ends, f.Fits = resolve.EndsDenied, 2 }, "contradicted: "},
		{"several places", all(same, func(f *resolve.Facts) { f.Fits = 2 }), "ambiguous: ambiguous"},
		{"another name", all(same, direct, func(f *resolve.Facts) { f.SameName = false }), "assumed: "},
		{"another size", all(same, direct, func(f *resolve.Facts) { f.SizeFits = false }), "assumed: "},
		{"part of the debugging information", all(same, direct, func(f *resolve.Facts) { f.Part = true }), "assumed: "},
		{"beside a misfit", all(direct, misfit), beside},
		{"beside a misfit, in a file known by its text", all(direct, misfit, func(f *resolve.Facts) { f.InText = true }), beside},
		{"bare, where sections lay, same build", all(same, direct, func(f *resolve.Facts) { f.Kind = resolve.Recovered }), "proved: the build IDs agree; the call is of the function of the frame above"},
		{"by text, alone", bare(resolve.Text{Supports: 1}), "ambiguous: its text ambiguous"},
		{"by text, one of several", bare(resolve.Text{Candidates: 2, Supports: 2, Sole: true}), "ambiguous: its text ambiguous"},
		{"by text, in init code", bare(resolve.Text{Named: true, Init: true, Supports: 1}), "consistent: its text"},
		{"by text, both neighbours", bare(resolve.Text{Supports: 2}), "ambiguous: its text ambiguous"},
		{"by text, both neighbours, sole module", all(direct, bare(resolve.Text{Supports: 2, Sole: true})), "assumed: its text"},
		{"by text, both neighbours, own module", bare(resolve.Text{Supports: 2, Local: true}), "assumed: its text"},
		{"by text, where another backtrace shows it", bare(resolve.Text{Known: true, Supports: 1}), "assumed: its text"},
		{"by text, where another backtrace shows it, alone", bare(resolve.Text{Known: true}), "ambiguous: its text ambiguous"},
		{"by text, one of several, where another backtrace shows them", bare(resolve.Text{Candidates: 2, Known: true, Supports: 1}), "ambiguous: its text ambiguous"},
		{"by text, in part", all(bare(resolve.Text{Supports: 2, Sole: true}), func(f *resolve.Facts) { f.Part = true }), "assumed: "},
		{"by text, beside a misfit", all(misfit, bare(resolve.Text{Supports: 2, Sole: true}), func(f *resolve.Facts) { f.InText = true }),
			"ambiguous: g+0x0/0x1 does not fit this file, which may be of another build other build"},
		{"left by a jump", all(same, func(f *resolve.Facts) { f.Kind, f.Link, f.Evidence = resolve.Elided, resolve.LinkTail, "it jumps" }), "proved: it jumps"},
		{"left by a jump, its name alone", all(same, direct, func(f *resolve.Facts) { f.Kind, f.Alone, f.Evidence = resolve.Elided, true, "it is called" }), "assumed: it is called"},
		{"left by a jump, its name alone, beside a misfit", all(misfit, func(f *resolve.Facts) { f.Kind, f.Alone, f.Evidence = resolve.Elided, true, "it is called" }), beside},
		{"left by a jump, beside a misfit", all(misfit, func(f *resolve.Facts) { f.Kind, f.Evidence = resolve.Elided, "it jumps" }), beside},
	} {
		found := resolve.Call{Facts: resolve.Facts{Fits: 1, SameName: true, SizeFits: true}}
		tt.change(&found.Facts)
		for range found.Fits {
			found.Places = append(found.Places, []resolve.Pos{{Func: "f"}})
		}
		c := judge(&found)
		got := fmt.Sprintf("%v: %s", c.Confidence, c.Reason)
		if c.Problem != ProblemNone {
			got = fmt.Sprintf("%v: %s%s", c.Confidence, c.Reason, map[bool]string{true: " "}[c.Reason != ""]) + c.Problem.String()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || (c.Err == nil) != (c.Problem == ProblemNone) {
			t.Errorf("%s: error %v (-want +got):\n%s", tt.name, c.Err, diff)
		}
	}
}

// The constants of both packages are the same.
func TestKinds(t *testing.T) {
	want := []Kind{KindPrinted, KindRecovered, KindElided}
	if diff := cmp.Diff(want, []Kind{Kind(resolve.Printed), Kind(resolve.Recovered), Kind(resolve.Elided)}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
