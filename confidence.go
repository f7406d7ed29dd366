// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/resolve"
)

// Confidence is how sure an answer is. A higher one is surer; an answer below Assumed
// must not be shown as a fact.
//
//	             place    name    size     a call      and
//	             in file          printed  ends there
//	Proved       one      same    fits     yes         it calls the function of the frame above, or one that leads there
//	                                                   by jumps; or the build IDs agree
//	Consistent   one      same    fits     not denied
//	Assumed      one      any     any      not denied  the size is missing or fits no rule, or the
//	                                                   compiler's suffix number differs (.isra.0, .isra.1), or
//	                                                   another frame contradicts the same file, or not
//	                                                   all functions at the place could be read, see Err
//	Ambiguous    several  same    equal    equal       and their source positions differ; or the file is of another
//	                                                   release, which a kernel with CONFIG_MODVERSIONS may load,
//	                                                   or of another machine than a file for which as much speaks
//	Contradicted any      any     any      any         the offset is beyond the function, the code shows that no
//	                                                   call ends there or that it is of a function that does not
//	                                                   lead to the frame above, or the build IDs differ, or the
//	                                                   file is of another machine or a kernel of another release
//
// A size fits if some kernel would compute it for that place, see [Frame]. No call is
// required below the entry of an interrupt. Calls through pointers, and calls that
// the kernel replaces when it starts, neither prove nor deny anything.
//
// A bare address has no name and no size. Instead, its section of a module is known
// from [Symbolizer.Modules]. Otherwise a bare address is looked for in the files of
// the modules that [Symbolizer.Dirs] names, and of those that the backtrace names:
// its candidates are the places at its distance from the start of a page where a call
// ends. If one is left of these, it is
//
//	Consistent   in the freed init code of a module that the backtrace names, and a neighbour agrees
//	Assumed      both neighbours agree: the call is of the frame above, and the frame below calls this function;
//	             and the module is the only one that is given, or one of the two is a function of the same module
//	Assumed      a neighbour agrees, and a backtrace that the Symbolizer was asked for before shows that the
//	             module's code lay there
//	Ambiguous    there is less evidence than that
//
// Here Assumed relies on the right module being among those that are given. If
// several candidates are left, they are Ambiguous.
//
// A function that was left by a jump has the confidence of the frame whose call
// leads to it. It is Assumed at most if the call is of it and nothing shows how it leads to
// the frame above, because a file is missing or it jumps through a pointer; then there
// is no line, and other functions may lie between.
type Confidence uint8

const (
	Unresolved   Confidence = iota // there is no answer; see Err
	Contradicted                   // the place that was found cannot be what the kernel meant
	Ambiguous                      // several places fit, or one does with too little evidence
	Assumed                        // nothing contradicts it
	Consistent                     // everything that can be checked fits
	Proved                         // everything fits, and it could not be another place
)

// String returns the name in lower case.
func (c Confidence) String() string { return name(int(c), confidences...) }

var confidences = []string{"unresolved", "contradicted", "ambiguous", "assumed", "consistent", "proved"}

// MarshalText implements [encoding.TextMarshaler]. It returns the text of String.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It reads what MarshalText returns;
// other text is an error.
func (c *Confidence) UnmarshalText(b []byte) error {
	return parseName(c, b, "confidence", confidences)
}

// Problem is the class of the error of a [Call].
type Problem uint8

const (
	ProblemNone        Problem = iota // nothing is wrong
	ProblemNoFile                     // there is no object file of the module, or of the kernel image
	ProblemNoDebug                    // the file has no debugging information for the place, or not all of it
	ProblemNoFunction                 // the file has no function of this name
	ProblemOtherBuild                 // the file is, or may be, of another build than what was running
	ProblemNoCall                     // no call ends at the place, or it is beyond the function
	ProblemOtherCallee                // the call is of a function that does not lead to that of the frame above
	ProblemAmbiguous                  // several places fit, see Others, or one with too little evidence
	ProblemNoModule                   // a bare address, and it is not known which module was there
	ProblemOther                      // anything else: a damaged file, a closed Symbolizer
)

// problemOf has the problems that package resolve tells apart.
var problemOf = map[resolve.Problem]Problem{
	resolve.ProblemNone: ProblemNone, resolve.ProblemNoFile: ProblemNoFile, resolve.ProblemNoFunction: ProblemNoFunction,
	resolve.ProblemNoDebug: ProblemNoDebug, resolve.ProblemPart: ProblemNoDebug,
	resolve.ProblemOtherBuild: ProblemOtherBuild, resolve.ProblemSuspect: ProblemOtherBuild,
	resolve.ProblemNotAfterCall: ProblemNoCall, resolve.ProblemBeyond: ProblemNoCall, resolve.ProblemOtherCallee: ProblemOtherCallee,
	resolve.ProblemAmbiguous: ProblemAmbiguous, resolve.ProblemWeak: ProblemAmbiguous,
	resolve.ProblemNoMemory: ProblemNoModule, resolve.ProblemOutside: ProblemNoModule, resolve.ProblemHidden: ProblemNoModule,
	resolve.ProblemClosed: ProblemOther, resolve.ProblemOther: ProblemOther,
}

// String returns a few words, such as "no file".
func (p Problem) String() string { return name(int(p), problems...) }

var problems = []string{
	"none", "no file", "no debugging information", "no such function", "other build", "no call ends there",
	"calls another function", "ambiguous", "unknown module", "other",
}

// MarshalText implements [encoding.TextMarshaler]. It returns the text of String.
func (p Problem) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It reads what MarshalText returns;
// other text is an error.
func (p *Problem) UnmarshalText(b []byte) error {
	return parseName(p, b, "problem", problems)
}

func name(i int, names ...string) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}

// parseName sets v to the value with a name.
func parseName[T ~uint8](v *T, text []byte, what string, names []string) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("%s %q is not known", what, clip(text))
	}
	*v = T(i)
	return nil
}

// A rule draws a conclusion from facts, see resolve.Facts. The facts of a function
// that was left by a jump are those of the frame whose call leads to it.
type rule struct {
	when    func(f *resolve.Facts) bool
	is      Confidence
	reason  func(f *resolve.Facts) string // nil if there is nothing to say
	problem *ruleProblem                  // in place of what package resolve found; nil: that counts
}

// A ruleProblem is a problem that follows from facts.
type ruleProblem struct {
	problem Problem
	err     func(*resolve.Call) error
}

var (
	noChoice = &ruleProblem{ProblemAmbiguous, ambiguity}
	doubtful = &ruleProblem{ProblemOtherBuild, func(found *resolve.Call) error {
		return fmt.Errorf("%s: found in a file that may be of another build", Frame(found.Frame))
	}}
)

// rules is the table. The first rule that fits counts.
var rules = []rule{
	{noPlace, Unresolved, nil, nil},

	// The frame cannot mean the place.
	{otherBuild, Contradicted, nil, nil},
	{otherTarget, Contradicted, nil, nil},
	{beyond, Contradicted, nil, nil},
	{afterNoCall, Contradicted, nil, nil},

	// There are several places, or there is too little evidence.
	{perhapsForeign, Ambiguous, nil, nil},
	{severalPlaces, Ambiguous, evidence, noChoice},
	{weakText, Ambiguous, evidence, noChoice},

	// The neighbours contradict it, or other frames do.
	{callsAnother, Contradicted, nil, nil},
	{textOfMisfit, Ambiguous, misfit, doubtful},
	{besideMisfit, Assumed, misfit, nil},

	// Nothing contradicts it, but something is missing.
	{partOfDebug, Assumed, nil, nil},
	{nameAlone, Assumed, evidence, nil},
	{initText, Consistent, evidence, nil},
	{firmText, Assumed, evidence, nil},
	{knownText, Assumed, evidence, nil},
	{notTheName, Assumed, nil, nil},

	// Everything fits, and more.
	{callsAbove, Proved, calls, nil},
	{leadsAbove, Proved, leads, nil},
	{sameBuild, Proved, builds, nil},
	{always, Consistent, nil, nil},
}

func noPlace(f *resolve.Facts) bool        { return f.Fits == 0 }
func otherBuild(f *resolve.Facts) bool     { return f.Build == resolve.BuildOther }
func otherTarget(f *resolve.Facts) bool    { return f.Foreign > resolve.ForeignPerhaps }
func perhapsForeign(f *resolve.Facts) bool { return f.Foreign == resolve.ForeignPerhaps }
func beyond(f *resolve.Facts) bool         { return f.Beyond }
func afterNoCall(f *resolve.Facts) bool    { return f.Ends == resolve.EndsDenied }
func severalPlaces(f *resolve.Facts) bool  { return f.Fits > 1 }
func weakText(f *resolve.Facts) bool {
	return f.Text != nil && !initText(f) && !firmText(f) && !knownText(f)
}
func callsAnother(f *resolve.Facts) bool { return f.Link == resolve.LinkDenied }
func besideMisfit(f *resolve.Facts) bool { return f.Misfit != nil }
func partOfDebug(f *resolve.Facts) bool  { return f.Part }
func nameAlone(f *resolve.Facts) bool    { return f.Alone }
func notTheName(f *resolve.Facts) bool   { return !f.SameName || !f.SizeFits }
func callsAbove(f *resolve.Facts) bool   { return f.Link == resolve.LinkDirect }
func leadsAbove(f *resolve.Facts) bool   { return f.Link == resolve.LinkTail }
func sameBuild(f *resolve.Facts) bool    { return f.Build == resolve.BuildSame }
func always(*resolve.Facts) bool         { return true }

// textOfMisfit reports whether bare addresses were found by the text of a file that
// another frame contradicts. Then only printed names can be trusted.
func textOfMisfit(f *resolve.Facts) bool {
	return besideMisfit(f) && f.InText && f.Kind != resolve.Printed
}

// initText reports whether a bare address is in freed init code of a module that the
// backtrace names, and a neighbour agrees.
func initText(f *resolve.Facts) bool {
	t := f.Text
	return t != nil && t.Candidates == 1 && t.Named && t.Init && t.Supports >= 1
}

// firmText reports whether both neighbours of a bare address agree, and it can be in
// no other module.
func firmText(f *resolve.Facts) bool {
	t := f.Text
	return t != nil && t.Candidates == 1 && t.Supports >= 2 && (t.Sole || t.Local)
}

// knownText: its code lay where another backtrace of the same kernel shows it, and a
// neighbour agrees: other modules may have had the memory of freed code before and after.
func knownText(f *resolve.Facts) bool {
	t := f.Text
	return t != nil && t.Candidates == 1 && t.Known && t.Supports >= 1
}

func evidence(f *resolve.Facts) string {
	if f.Part && f.Kind != resolve.Elided {
		return ""
	}
	return f.Evidence
}

func misfit(f *resolve.Facts) string {
	return fmt.Sprintf("%s does not fit this file, which may be of another build", Frame(*f.Misfit))
}

func calls(f *resolve.Facts) string {
	return afterBuilds(f, "the call is of the function of the frame above")
}

func leads(f *resolve.Facts) string {
	return afterBuilds(f, fmt.Sprintf("the call is of %s, which leads to the frame above by jumps", f.Lead))
}

func builds(f *resolve.Facts) string { return afterBuilds(f, "") }

// afterBuilds adds a reason to that of a bare address. For a function that was left by a
// jump the evidence says more.
func afterBuilds(f *resolve.Facts, why string) string {
	const same = "the build IDs agree"
	switch {
	case f.Kind == resolve.Elided:
		return f.Evidence
	case why == "":
		return same
	case f.Kind == resolve.Recovered && sameBuild(f):
		return same + "; " + why
	}
	return why
}

// ambiguity returns the error for a frame with several places, or with one that has
// too little evidence.
func ambiguity(found *resolve.Call) error {
	f, places := Frame(found.Frame), found.Places
	var b strings.Builder
	if len(places) == 1 {
		fmt.Fprintf(&b, "%s: one place fits, and too little speaks for it", f)
	} else {
		fmt.Fprintf(&b, "%s: ambiguous: %d places fit", f, len(places))
	}
	for i, pos := range places {
		if i == 8 {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %s", pos[0])
	}
	return errors.New(b.String())
}

// ruleFor returns the first rule that fits.
func ruleFor(f *resolve.Facts) *rule {
	return &rules[slices.IndexFunc(rules, func(r rule) bool { return r.when(f) })]
}
