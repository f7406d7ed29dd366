// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleaktest

import (
	"context"
	"io"
	"os"
	"sync"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakwindow"
)

// A Suite looks for leaks once, after many tests, and assigns each leak to the test
// that ran when it was allocated:
//
//	var suite kmemleaktest.Suite
//
//	func TestMain(m *testing.M) { suite.VerifyTestMain(m) }
//
//	func TestDriver(t *testing.T) {
//		suite.Track(t)
//		…
//	}
//
// The zero value is ready for use. Its methods may be called from several goroutines.
// Times are exact to a tick of the kernel, 1 to 10 ms. Track waits for one tick, so
// that memory that one test allocates is never blamed on the next.
type Suite struct {
	// Detector is nil for the local kernel.
	Detector *kmemleak.Detector

	mu      sync.Mutex
	start   *start
	windows []kmemleak.Window
	err     error // the first error of reading the time
}

// TC is a [T] that announces its end.
type TC interface {
	T
	Cleanup(func())
}

// Track records when the test runs: from now to its cleanup. So register the test's
// other cleanups after the call; otherwise what they leak belongs to no test. A test
// inside another one may be tracked, too: its leaks are then its own.
func (s *Suite) Track(t TC) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if isChild(s.detector()) {
		return
	}
	s.begin()
	if s.start.err != nil {
		return // Verify reports it
	}
	mark, err := s.detector().Mark()
	s.note(err)
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		now, err := s.detector().Jiffies()
		s.note(err)
		s.windows = append(s.windows, kmemleak.Window{Name: t.Name(), From: mark, To: now})
	})
}

func (s *Suite) detector() *kmemleak.Detector {
	if s.Detector == nil {
		return new(kmemleak.Detector)
	}
	return s.Detector
}

// begin makes the suite's start, if there is none.
func (s *Suite) begin() {
	if s.start == nil {
		s.start = begin(s.detector())
	}
}

func (s *Suite) note(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Verify fails t, once for each test that leaked, and once for all leaks outside of any
// test. It does not examine tests that end later. Options are those of [VerifyNone].
// After Verify the suite may be used again.
func (s *Suite) Verify(t T, opts ...Option) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin()
	if isChild(s.detector()) {
		t.Logf("kmemleak: %s", leftToParent)
		return
	}
	start, windows, err := s.start, s.windows, s.err
	s.start, s.windows, s.err = nil, nil, nil
	defer start.unlock()
	o := newOptions(opts)
	if o.refuse(true); o.err != nil {
		t.Errorf("kmemleak: %v", o.err)
		return
	}
	o.detector = s.detector()
	if start.err != nil {
		unavailable(t, o, start.err)
		return
	}
	if err != nil {
		t.Errorf("kmemleak: %v", err)
		return
	}
	f, err := examine(o, start)
	for _, group := range leakwindow.Assign(f.Leaks, windows) {
		part := kmemleak.Finding{Leaks: group.Leaks, Scans: f.Scans}
		report(named{t, group.String()}, o, part, nil)
	}
	f.Leaks = nil
	report(t, o, f, err)
}

// VerifyTestMain runs the tests of a package and then does the same as Verify, in the
// way of the function [VerifyTestMain]. It ends the process.
func (s *Suite) VerifyTestMain(m M, opts ...Option) {
	os.Exit(s.verifyMain(m, os.Stderr, opts))
}

func (s *Suite) verifyMain(m M, w io.Writer, opts []Option) int {
	if isFuzzWorker() || isChild(s.detector()) {
		return m.Run()
	}
	s.mu.Lock()
	s.begin()
	s.mu.Unlock()
	if code := m.Run(); code != 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.start != nil { // a test may have called Verify
			s.start.unlock()
		}
		return code
	}
	t := &mainT{w: w}
	s.Verify(t, opts...)
	return t.code
}

// examine looks for leaks since a start.
func examine(o *options, s *start) (kmemleak.Finding, error) {
	return o.detector.Find(context.Background(), append(o.find, s.options...)...)
}

// named is a T that says whose leaks it reports.
type named struct {
	T
	name string
}

func (n named) Errorf(format string, args ...any) {
	n.T.Helper()
	n.T.Errorf("%s: "+format, append([]any{n.name}, args...)...)
}
