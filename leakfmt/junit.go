// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kmemleak/kmemleak"
)

// JUnit writes leaks as test results, for the test reports of CI systems. The form is
// that of Jenkins (junit-10.xsd of its xUnit plugin), which GitLab and others read
// too.
//
// The test case "search" has an error if [Options.Err] is not nil, and passes
// otherwise. Its output has [Options.Doubts]. Each group of leaks is a failed test case beside it. Its class is the
// module, or "kernel" for the kernel image. Its name is the owner, see
// [kmemleak.OwnerOf], followed by the fingerprint if several groups have the same
// owner. Its text is that of [Text]. All groups beyond Options.MaxGroups are one test
// case.
//
// With [Options.Windows], each test is a test case of the class "kmemleak.test" instead, which
// fails if it leaked, and has an error if it did not and Options.Err is not nil. Leaks that may
// be of several tests, and those of none, are test cases of their own.
func JUnit(w io.Writer, leaks []kmemleak.Leak, o *Options) error {
	options := o.get()
	options.Color = Never
	if len(leaks) > 0 {
		options.readLive()
	}
	suite := junitSuite{Name: "kmemleak"}
	if !options.Time.IsZero() {
		suite.Timestamp = options.Time.UTC().Format("2006-01-02T15:04:05")
	}
	search := junitCase{Class: "kmemleak", Name: "search"}
	if options.Err != nil {
		search.Error = newProblem("error", errorText(options.Err), "")
	}
	for _, doubt := range options.Doubts {
		search.Output += "not sure: " + errorText(doubt) + "\n"
	}
	if options.Windows == nil {
		suite.Cases = append([]junitCase{search}, junitCases(leaks, &options)...)
	} else {
		suite.Cases = append([]junitCase{search}, junitTests(leaks, &options)...)
	}
	suite.Tests = len(suite.Cases)
	for _, c := range suite.Cases {
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		}
	}

	var b bytes.Buffer
	suite.write(&b)
	_, err := b.WriteTo(w)
	return err
}

type junitSuite struct {
	Name                    string
	Tests, Failures, Errors int
	Timestamp               string
	Cases                   []junitCase
}

type junitCase struct {
	Class, Name    string
	Error, Failure *junitProblem
	Output         string
}

type junitProblem struct{ Type, Message, Text string }

// write writes a file with one suite. Package encoding/xml would be 100 kB of a program.
func (s *junitSuite) write(b *bytes.Buffer) {
	counts := fmt.Sprintf(`name="%s" tests="%d" failures="%d" errors="%d"`, xmlText(s.Name), s.Tests, s.Failures, s.Errors)
	fmt.Fprintf(b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites %s>\n  <testsuite %s", counts, counts)
	if s.Timestamp != "" {
		fmt.Fprintf(b, ` timestamp="%s"`, xmlText(s.Timestamp))
	}
	b.WriteString(">\n")
	for _, c := range s.Cases {
		fmt.Fprintf(b, `    <testcase classname="%s" name="%s">`, xmlText(c.Class), xmlText(c.Name))
		start := b.Len()
		c.Error.write(b, "error")
		c.Failure.write(b, "failure")
		if c.Output != "" {
			fmt.Fprintf(b, "\n      <system-out>%s</system-out>", xmlText(c.Output))
		}
		if b.Len() > start {
			b.WriteString("\n    ")
		}
		b.WriteString("</testcase>\n")
	}
	b.WriteString("  </testsuite>\n</testsuites>\n")
}

func (p *junitProblem) write(b *bytes.Buffer, element string) {
	if p != nil {
		// A section of CDATA has no way to have its own end.
		text := strings.ReplaceAll(xmlChars(p.Text), "]]>", "]]]]><![CDATA[>")
		fmt.Fprintf(b, "\n      <%s type=\"%s\" message=\"%s\"><![CDATA[%s]]></%s>", element, xmlText(p.Type), xmlText(p.Message), text, element)
	}
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;", "\t", "&#x9;", "\n", "&#xA;")

// xmlText returns a text for an attribute or an element.
func xmlText(s string) string { return xmlEscapes.Replace(xmlChars(s)) }

// xmlChars replaces what no XML may have, not even escaped, and carriage returns, which
// CDATA does not keep. Most texts are clean already.
func xmlChars(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= ' ' && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 {
			return r
		}
		return utf8.RuneError
	}, s)
}

// newProblem uses the message as the text if there is none, because some systems show
// only the text.
func newProblem(kind, message, text string) *junitProblem {
	return &junitProblem{kind, message, cmp.Or(text, message+"\n")}
}

// junitTests returns a case for each test.
func junitTests(leaks []kmemleak.Leak, o *Options) []junitCase {
	var cases []junitCase
	same := make(map[string]int) // names may be equal as they are written
	for _, t := range testsOf(leaks, o.Windows) {
		c := junitCase{Class: "kmemleak.test", Name: text(t.String())}
		if same[c.Name]++; same[c.Name] > 1 {
			c.Name += fmt.Sprintf(" (%d)", same[c.Name])
		}
		switch {
		case len(t.Leaks) > 0:
			c.Failure = newProblem("leak", headline(t.Leaks, len(kmemleak.Groups(t.Leaks))), o.textOf(t.Leaks))
		case o.Err != nil:
			c.Error = newProblem("error", errorText(o.Err), "")
		}
		cases = append(cases, c)
	}
	return cases
}

// junitCases returns the failed test cases.
func junitCases(leaks []kmemleak.Leak, o *Options) []junitCase {
	groups := kmemleak.Groups(leaks)
	shown := bound(len(groups), o.MaxGroups)
	var cases []junitCase
	same := make(map[owner]int) // GitLab ignores a second test case of the same name
	for _, g := range o.groups(groups[:shown]) {
		var b bytes.Buffer
		p := newPrinter(&b, o)
		p.group(&g)
		p.legend()
		p.out.Flush() // a buffer has no errors
		own := ownerOf(g.calls)
		one := owner{text(cmp.Or(own.module, "kernel")), text(cmp.Or(own.name, "owner not known"))}
		same[one]++
		cases = append(cases, junitCase{Class: one.module, Name: one.name, Failure: newProblem(
			"leak", fmt.Sprintf("%s: %s", amount(g.Count, g.Bytes), g.text()), b.String(),
		)})
	}
	for i := range cases {
		if c := &cases[i]; same[owner{c.Class, c.Name}] > 1 {
			c.Name += " " + groups[i].Fingerprint
		}
	}
	if rest := groups[shown:]; len(rest) > 0 {
		n, bytes := 0, uint64(0)
		for _, g := range rest {
			n, bytes = n+g.Count, sum(bytes, g.Bytes)
		}
		cases = append(cases, junitCase{Class: "kmemleak", Name: "other places", Failure: newProblem(
			"leak", fmt.Sprintf("%s from %s more", amount(n, bytes), plural(len(rest), "place")), "",
		)})
	}
	return cases
}
