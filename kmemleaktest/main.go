// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleaktest

import (
	"fmt"
	"io"
	"os"
)

// M is the part of [testing.M] that this package needs.
type M interface{ Run() int }

// VerifyTestMain runs the tests of a package and fails if the kernel leaked memory
// meanwhile. It ends the process.
//
// Tests of other packages that call VerifyTestMain, too, wait. Options are those of
// [VerifyNone] but for [IgnoreCurrent]. Failures go to standard error. If a test has
// failed, VerifyTestMain does not look for leaks. With [SkipIfUnavailable] the tests run
// anyway, but it does not look for leaks.
//
// In the workers of go test -fuzz, and in other processes that the tests start and that
// inherit the environment, VerifyTestMain does nothing but to run the tests.
func VerifyTestMain(m M, opts ...Option) {
	os.Exit(verifyMain(m, os.Stderr, opts))
}

func verifyMain(m M, w io.Writer, opts []Option) (code int) {
	o := newOptions(opts)
	t := &mainT{w: w}
	if o.refuse(false); o.err != nil {
		t.Errorf("kmemleak: %v", o.err)
		return t.code
	}
	if isFuzzWorker() || isChild(o.detector) {
		return m.Run()
	}
	s := begin(o.detector)
	defer s.unlock()
	if s.err != nil {
		unavailable(t, o, s.err)
	}
	if code := m.Run(); code != 0 || s.err != nil {
		return max(code, t.code)
	}
	f, err := examine(o, s)
	report(t, o, f, err)
	return t.code
}

// mainT is the T of a package as a whole.
type mainT struct {
	w    io.Writer
	code int
}

func (t *mainT) Helper()                 {}
func (t *mainT) Name() string            { return "TestMain" }
func (t *mainT) Logf(f string, a ...any) { fmt.Fprintf(t.w, f+"\n", a...) }
func (t *mainT) Skipf(f string, a ...any) {
	fmt.Fprintf(t.w, "leaks are not looked for: "+f+"\n", a...)
}
func (t *mainT) Errorf(f string, a ...any) { t.code = 1; t.Logf(f, a...) }
