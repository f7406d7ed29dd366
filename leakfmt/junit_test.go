// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

// The parts of a file as another program reads them.
type (
	xmlSuites struct {
		XMLName  xml.Name   `xml:"testsuites"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Suites   []xmlSuite `xml:"testsuite"`
	}
	xmlSuite struct {
		Tests    int       `xml:"tests,attr"`
		Failures int       `xml:"failures,attr"`
		Errors   int       `xml:"errors,attr"`
		Cases    []xmlCase `xml:"testcase"`
	}
	xmlCase struct {
		Class   string      `xml:"classname,attr"`
		Name    string      `xml:"name,attr"`
		Error   *xmlProblem `xml:"error"`
		Failure *xmlProblem `xml:"failure"`
		Output  string      `xml:"system-out"`
	}
	xmlProblem struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// The standard library escapes each character as xmlText does, but a carriage return.
func TestXMLText(t *testing.T) {
	var want bytes.Buffer
	for c := rune(0); c <= utf8.MaxRune; c++ {
		want.Reset()
		s := string(c)
		if err := xml.EscapeText(&want, []byte(s)); err != nil {
			t.Fatal(err)
		}
		if got := xmlText(s); got != want.String() && c != '\r' {
			t.Errorf("%U: %s, want %s", c, got, &want)
		}
	}
	if got := xmlText("\r\xff"); got != "\ufffd\ufffd" {
		t.Errorf("a carriage return and a byte that is no UTF-8: %q", got)
	}
}

// readJUnit reads what JUnit wrote and describes the test cases. The numbers must be
// right, and no two test cases may have the same name.
func readJUnit(t testing.TB, text []byte) (cases []string) {
	t.Helper()
	var suites xmlSuites
	if err := xml.Unmarshal(text, &suites); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if len(suites.Suites) != 1 {
		t.Fatalf("%d suites", len(suites.Suites))
	}
	suite := suites.Suites[0]
	failures, broken := 0, 0
	names := make(map[string]bool)
	for _, c := range suite.Cases {
		name := c.Class + ": " + c.Name
		if names[name] || c.Class == "" || c.Name == "" {
			t.Errorf("%q is not the name of one test case", name)
		}
		names[name] = true
		result := "passed"
		switch {
		case c.Error != nil && c.Failure == nil:
			broken++
			result = "error: " + c.Error.Message
		case c.Failure != nil && c.Error == nil:
			failures++
			result = "failed: " + c.Failure.Message
			if !strings.Contains(c.Failure.Text, c.Failure.Message) {
				t.Errorf("%s: %q is not the beginning of %q", name, c.Failure.Message, c.Failure.Text)
			}
		}
		if c.Output != "" {
			result += ", says " + c.Output
		}
		cases = append(cases, name+" "+result)
	}
	for _, n := range [][3]int{{suites.Tests, suites.Failures, suites.Errors}, {suite.Tests, suite.Failures, suite.Errors}} {
		if want := [3]int{len(cases), failures, broken}; n != want {
			t.Errorf("says %v tests, failures and errors, has %v", n, want)
		}
	}
	return cases
}

func TestJUnit(t *testing.T) {
	s := symbolizer(t, "6.12-x86_64")
	leaks := report(t, "6.12-x86_64")
	long := strings.Repeat("x", maxText)
	source := " [hello_kernel] at ../testdata/modules/hello_kernel/hello.c"
	for _, tt := range []struct {
		name  string
		leaks []kmemleak.Leak
		opts  *Options
		want  []string
	}{
		{"no leaks", nil, nil, []string{"kmemleak: search passed"}},
		{"could not look", nil, &Options{Err: errors.New("off\n]]><&\x00")}, []string{"kmemleak: search error: off; ]]><&\ufffd"}},
		{"not sure of none", nil, &Options{Doubts: []error{errors.New("2 scans\x00"), errors.New("who")}}, []string{
			"kmemleak: search passed, says not sure: 2 scans\ufffd\nnot sure: who\n",
		}},
		{"leaks", leaks, &Options{Symbolizer: s}, []string{
			"kmemleak: search passed",
			"hello_kernel: myfunc 2a2b3f2db5b8094b failed: 2 leaks, 8192 bytes: myfunc" + source + ":29 ×1, :30 ×1",
			"hello_kernel: myfunc 204e79c54e2fb69d failed: 1 leak, 4096 bytes: myfunc" + source + ":31",
			"hello_kernel: greet failed: 5 leaks, 320 bytes: greeting_alloc" + source + ":36, inlined into greet",
		}},
		{"leaks, and one could not look long enough", leaks, &Options{MaxGroups: 1, Err: kmemleak.ErrTruncated}, []string{
			"kmemleak: search error: more leaks than the limit",
			"hello_kernel: myfunc failed: 2 leaks, 8192 bytes: myfunc+0xa/0x20 [hello_kernel] ×1, +0x14/0x20 ×1",
			"kmemleak: other places failed: 6 leaks, 4416 bytes from 2 places more",
		}},
		{"owners", []kmemleak.Leak{{Size: 2}, {Size: 1, Backtrace: []kmemleak.Frame{{Func: "f.isra.0", Offset: 1, Size: 2}}}}, nil, []string{
			"kmemleak: search passed",
			"kernel: owner not known failed: 1 leak, 2 bytes: owner not known",
			"kernel: f failed: 1 leak, 1 bytes: f.isra.0+0x1/0x2",
		}},
		{"tests whose names are equal as far as they are written", nil, &Options{Err: errors.New("off"), Windows: []kmemleak.Window{
			{Name: long + "a", From: 1, To: 5}, {Name: long + "b", From: 6, To: 9},
		}}, []string{
			"kmemleak: search error: off",
			"kmemleak.test: " + long + "… error: off",
			"kmemleak.test: " + long + "… (2) error: off",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := JUnit(&b, tt.leaks, tt.opts); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, readJUnit(t, b.Bytes())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkClean(t, b.String())
		})
	}
}

func TestJUnitGolden(t *testing.T) {
	var b bytes.Buffer
	o := &Options{Symbolizer: symbolizer(t, "6.12-x86_64"), Color: Always, Time: time.Date(2026, 11, 23, 13, 0, 0, 0, time.FixedZone("", 3600))}
	if err := JUnit(&b, report(t, "6.12-x86_64"), o); err != nil {
		t.Fatal(err)
	}
	checkClean(t, b.String())
	golden(t, "hello_kernel-6.12-x86_64.xml", b.Bytes())
}

func TestJUnitHostile(t *testing.T) {
	var b bytes.Buffer
	if err := JUnit(&b, []kmemleak.Leak{hostile()}, nil); err != nil {
		t.Fatal(err)
	}
	checkClean(t, b.String())
	if cases := readJUnit(t, b.Bytes()); len(cases) != 2 {
		t.Errorf("%q", fmt.Sprint(cases))
	}
}
