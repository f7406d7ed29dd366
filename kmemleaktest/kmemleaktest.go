// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package kmemleaktest fails Go tests that make the kernel leak memory.
//
// To check one test, for memory that was allocated since the defer statement:
//
//	func TestDriver(t *testing.T) {
//		defer kmemleaktest.VerifyNone(t, kmemleaktest.IgnoreCurrent())
//		…
//	}
//
// To check all tests of a package at once, so that the 5 s of a search are spent only
// once:
//
//	func TestMain(m *testing.M) { kmemleaktest.VerifyTestMain(m) }
//
// To check all at once, with each leak assigned to the test in which it was allocated,
// see [Suite].
//
// The whole machine has one kernel. Anything else that runs during a test may leak,
// too, and the test is then blamed: use options such as [kmemleak.InModule] to select
// your own part only. Tests that run in parallel cannot be distinguished, and failures
// say so. Packages that go test runs at the same time wait for each other with
// [IgnoreCurrent], [VerifyTestMain] and [Suite], which hold the machine's lock from
// beginning to end. Processes that the tests start meanwhile know it from the
// environment variable KMEMLEAK_HELD_BY: as long as their parent lives, they neither wait
// for the lock nor look for leaks, and their parent finds what they lose. So it is with the
// command of kmemleak find.
//
// No test passes because the search could not take place. If kmemleak is missing,
// switched off or out of reach, tests fail, and the failure says what to do. With
// [SkipIfUnavailable] they are skipped. KMEMLEAK=require in the environment makes them
// fail again, for machines whose purpose is to run them.
package kmemleaktest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kmemleak/kmemleak"
)

// T is the part of [testing.TB] that this package needs.
type T interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Skipf(format string, args ...any)
}

// An Option says what to look for, where, and what to do where nobody can look. The
// options of [kmemleak.Detector.Find] are Options, and the functions of this package
// make others, which Find does not take. An Option that makes no sense for a call fails
// the test.
type Option interface {
	// TestOption marks the type; see [kmemleak.Option].
	TestOption()
}

// VerifyNone fails the test if the kernel leaked memory. It takes at least 6 s.
//
// It reports memory that was allocated since this program started. With [IgnoreCurrent]
// it reports memory that was allocated since that was called; use defer. The options of
// [kmemleak.Detector.Find] narrow it further. Use [On] for another kernel.
//
// A deferred call runs when the test's function returns. That is before its subtests
// which call t.Parallel go on: what they lose is not found. Use [VerifyCleanup] there.
//
// Leaks that vanish while they are confirmed are logged and do not fail the test, and so
// is what the search could not make sure of, [kmemleak.Finding.Doubts]. The failure shows the largest groups of leaks and names a file with the whole report.
// That file is in the test's artifact folder. If there is none (before Go 1.26, or
// without go test -artifacts), it is a temporary file.
func VerifyNone(t T, opts ...Option) {
	t.Helper()
	o := newOptions(opts)
	defer o.unlock()
	if o.err != nil {
		t.Errorf("kmemleak: %v", o.err)
		return
	}
	if isChild(o.detector) {
		t.Logf("kmemleak: %s", leftToParent)
		return
	}
	ended := verify(t.Name())
	ctx, cancel := deadline(t)
	defer cancel()
	since := startOf(o)
	if since.err != nil {
		ended()
		unavailable(t, o, since.err)
		return
	}
	f, err := o.detector.Find(ctx, append(o.find, since.options...)...)
	if others := ended(); len(others) > 0 {
		t.Logf("kmemleak: %s looked for leaks at the same time; the leaks of these tests cannot be told apart (do not use t.Parallel)", strings.Join(others, ", "))
	}
	report(t, o, f, err)
}

const leftToParent = "leaks are not looked for: a process that started this one holds the lock, and looks for them when its tests have ended"

// VerifyCleanup fails the test if the kernel leaks memory from now on, up to the
// cleanup of the test: it is [VerifyNone] with [IgnoreCurrent] after all subtests,
// those which call t.Parallel among them. Call it first, since cleanups that are registered
// later run earlier. Options are those of VerifyNone but for IgnoreCurrent. If kmemleak
// cannot be used, the test fails, or is skipped, at once.
func VerifyCleanup(t TC, opts ...Option) {
	t.Helper()
	o := newOptions(opts)
	if o.err == nil && len(o.starts) > 0 {
		o.err = errors.New("VerifyCleanup takes no IgnoreCurrent: it begins when it is called")
	}
	if o.err != nil {
		o.unlock()
		t.Errorf("kmemleak: %v", o.err)
		return
	}
	s := begin(o.detector)
	if s.err != nil {
		s.unlock()
		unavailable(t, o, s.err)
		return
	}
	s.detector = o.detector
	t.Cleanup(func() {
		t.Helper()
		VerifyNone(t, append(slices.Clip(opts), startOption{start: s})...)
	})
}

// verifying holds the searches in progress.
var verifying struct {
	sync.Mutex
	searches []*verification
}

// A verification is a search of one test, with the tests that search meanwhile.
type verification struct {
	name   string
	others []string
}

// verify begins a verification. ended ends it and returns the other tests.
func verify(name string) (ended func() (others []string)) {
	verifying.Lock()
	defer verifying.Unlock()
	v := &verification{name: name}
	for _, other := range verifying.searches {
		v.others = append(v.others, other.name)
		other.others = append(other.others, name)
	}
	verifying.searches = append(verifying.searches, v)
	return func() []string {
		verifying.Lock()
		defer verifying.Unlock()
		verifying.searches = slices.DeleteFunc(verifying.searches, func(other *verification) bool { return other == v })
		return v.others
	}
}

// IgnoreCurrent makes [VerifyNone] ignore memory that was allocated before
// IgnoreCurrent was called: the arguments of a deferred call are evaluated by the defer
// statement. It also takes the machine's lock, so that tests of other packages wait;
// the VerifyNone that it is passed to releases the lock. Use it for one VerifyNone
// only.
//
// For another kernel than this machine's it takes the [On] that says which:
//
//	defer kmemleaktest.VerifyNone(t, kmemleaktest.IgnoreCurrent(kmemleaktest.On(d)))
//
// It takes no other option.
func IgnoreCurrent(on ...Option) Option {
	o := newOptions(on)
	if len(o.find) > 0 || o.skip || len(o.starts) > 0 {
		o.unlock()
		return startOption{start: &start{err: errors.New("IgnoreCurrent takes no option but On"), unlock: func() {}}}
	}
	s := begin(o.detector)
	if o.on {
		s.detector = o.detector
	}
	return startOption{start: s}
}

// SkipIfUnavailable skips the test, or all tests with [VerifyTestMain], if kmemleak
// cannot be used: it is not built into the kernel, switched off, or closed to this
// user. Other errors are still failures. With KMEMLEAK=require in the environment the
// option has no effect.
func SkipIfUnavailable() Option { return skipOption{} }

// On sets the detector to use instead of the local kernel's, such as one with a
// transport to another machine. [VerifyNone] then reports what was allocated since
// [IgnoreCurrent], or as [kmemleak.Since] or [kmemleak.Within] say.
func On(d *kmemleak.Detector) Option { return onOption{detector: d} }

// testOption is an Option of this package only.
type testOption struct{}

func (testOption) TestOption() {}

type (
	skipOption struct{ testOption }
	onOption   struct {
		testOption
		detector *kmemleak.Detector
	}
	startOption struct {
		testOption
		start *start
	}
)

type options struct {
	detector *kmemleak.Detector
	on       bool // another one than the local kernel's
	skip     bool
	starts   []*start
	find     []kmemleak.Option
	err      error // an option makes no sense
}

func newOptions(opts []Option) *options {
	o := &options{detector: new(kmemleak.Detector)}
	for _, opt := range opts {
		switch opt := opt.(type) {
		case skipOption:
			o.skip = true
		case onOption:
			o.detector, o.on = opt.detector, true
		case startOption:
			o.starts = append(o.starts, opt.start)
		case kmemleak.Option:
			o.find = append(o.find, opt)
		default:
			o.err = fmt.Errorf("%T is no option of this package", opt)
		}
	}
	switch {
	case len(o.starts) > 1:
		o.err = errors.New("IgnoreCurrent is given twice")
	case len(o.starts) == 1 && o.starts[0].used:
		o.err = errors.New("an IgnoreCurrent is for one VerifyNone only: call it anew")
	case len(o.starts) == 1 && o.on && o.starts[0].err == nil && o.starts[0].detector != o.detector:
		o.err = errors.New("IgnoreCurrent asked another kernel than On names (write IgnoreCurrent(On(d)))")
	case len(o.starts) == 1:
		o.starts[0].used = true
		if d := o.starts[0].detector; d != nil {
			o.detector, o.on = d, true
		}
	}
	return o
}

// refuse says that the options hold an IgnoreCurrent or, for a suite, an On, which the
// caller decides by itself.
func (o *options) refuse(on bool) {
	switch {
	case o.err != nil:
	case len(o.starts) > 0:
		o.err = errors.New("IgnoreCurrent is for VerifyNone only")
	case on && o.on:
		o.err = errors.New("On is not for a Suite, which has a field Detector")
	}
	o.unlock()
}

// unlock releases the locks that the options hold.
func (o *options) unlock() {
	for _, s := range o.starts {
		s.unlock()
	}
}

// A start is a point in time after which leaks count.
type start struct {
	detector *kmemleak.Detector // nil: the local kernel's, or whichever is named later
	err      error
	options  []kmemleak.Option
	unlock   func()
	used     bool // by a VerifyNone
}

// begin takes the machine's lock and makes a start.
func begin(d *kmemleak.Detector) *start {
	s := &start{unlock: func() {}}
	if isChild(d) {
		return s
	}
	// A probe reports best why a kernel cannot look for leaks.
	if s.err = d.Probe(); s.err != nil {
		return s
	}
	note := time.AfterFunc(2*time.Second, func() {
		fmt.Fprintln(os.Stderr, "kmemleak: waiting for another process that looks for leaks")
	})
	unlock, err := d.Lock(context.Background())
	note.Stop()
	if err != nil {
		s.err = err
		return s
	}
	s.unlock = unlock
	if d.Transport == nil { // machines behind one have no lock
		release := hold()
		s.unlock = func() { release(); unlock() }
	}
	mark, err := d.Mark()
	s.err = err
	s.options = []kmemleak.Option{kmemleak.Since(mark)}
	return s
}

// program is when this program started, as exactly as possible.
var program = func() *start {
	s := new(start)
	var mark uint64
	if mark, s.err = new(kmemleak.Detector).Jiffies(); s.err == nil {
		s.options = []kmemleak.Option{kmemleak.Since(mark)}
	}
	return s
}()

// startOf returns the start that options ask for.
func startOf(o *options) *start {
	switch {
	case len(o.starts) > 0:
		return o.starts[0]
	case o.on:
		return new(start)
	case program.err != nil:
		// If there is no counter to read, the reason is most likely the same as for a missing
		// kmemleak.
		if err := o.detector.Probe(); err != nil {
			return &start{err: err}
		}
	}
	return program
}

// deadline returns a context that ends early enough to report a failure, if t has a
// deadline.
func deadline(t T) (context.Context, context.CancelFunc) {
	const grace = 5 * time.Second
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if end, ok := d.Deadline(); ok {
			return context.WithDeadlineCause(context.Background(), end.Add(-grace),
				errors.New("the test's deadline came near (go test -timeout)"))
		}
	}
	return context.WithCancel(context.Background())
}

// isUnavailable reports whether the cause of an error is one for SkipIfUnavailable.
func isUnavailable(err error) bool {
	return errors.Is(err, kmemleak.ErrUnavailable) || errors.Is(err, kmemleak.ErrDisabled) || errors.Is(err, fs.ErrPermission)
}

// required reports whether no test may be skipped.
func required() bool { return os.Getenv("KMEMLEAK") == "require" }

// unavailable fails or skips the test for an error that came before the search.
func unavailable(t T, o *options, err error) {
	t.Helper()
	if o.skip && isUnavailable(err) && !required() {
		t.Skipf("kmemleak: %v", err)
		return
	}
	t.Errorf("kmemleak: %v", hint(o, err))
}

// hint returns the text of err and what a test can do about it.
func hint(o *options, err error) string {
	switch {
	case !isUnavailable(err):
		return err.Error()
	case o.skip:
		return fmt.Sprintf("%v (KMEMLEAK=require: this must not be skipped)", err)
	}
	return fmt.Sprintf("%v (kmemleaktest.SkipIfUnavailable would skip the test)", err)
}
