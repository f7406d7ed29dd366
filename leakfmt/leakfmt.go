// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package leakfmt writes leaks for people and for machines:
//
//	Text         for a person, at a terminal or in a log
//	Mail         for the people who look after the code
//	JSONLines    for any program: an object a line, described by Schema
//	JUnit        for CI, which shows leaks as failed tests
//	KTAP         for tools of kernel tests, which read version 1 of that
//	OpenMetrics  for Prometheus, by way of node_exporter's textfile collector
//
// In all of them, no leaks and "could not look" differ: pass the error of
// [kmemleak.Detector.Find] as [Options.Err].
//
// Text from a kernel, a mail or a file is never written raw: control characters,
// including those that change the direction of text, and bytes that are not UTF-8 are
// replaced or escaped. A place with less than [kmemleak.Assumed] confidence is never
// shown as a fact.
//
// The functions keep no state and may be called from several goroutines. They
// return the first error of the writer. docs/output.md describes the formats for
// machines.
package leakfmt

import (
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/allocinfo"
)

// Options configures how leaks are shown. The zero value is good for a start, and so
// is a nil pointer.
type Options struct {
	// Symbolizer finds the source lines. If nil, only those are shown that a tool has
	// put into the frames, see [kmemleak.WithSymbolizer]. Equal backtraces are looked
	// up once.
	Symbolizer *kmemleak.Symbolizer

	// Err is the reason why it was not possible to look for leaks, or why some may be
	// missing, as [kmemleak.Detector.Find] returns it with the leaks. Nil means that
	// the search took place.
	Err error

	// Doubts is what the search could not make sure of, [kmemleak.Finding.Doubts]. Text,
	// JUnit and KTAP say it; the other formats have no place for it.
	Doubts []error

	// Windows are the tests in which leaks may have been allocated. If it is not nil, each
	// leak is shown with its tests, see [leakwindow.Tests], and those of none as such: in
	// Text below the name of the test, in JUnit and KTAP as the failure of that test, beside
	// tests that pass, and in JSON as a member. OpenMetrics has no place for it.
	Windows []kmemleak.Window

	// Scans is the number of scans that were made, [kmemleak.Finding.Scans], for Mail; 0 if
	// it is not known.
	Scans int

	// Time is when the search took place, for JUnit and OpenMetrics. The zero time is
	// left out.
	Time time.Time

	// MaxGroups is the maximum number of groups of leaks in Text and JUnit, the
	// largest first, and of series in OpenMetrics. They write how many more there
	// are. 0 means no maximum, and for OpenMetrics 100.
	MaxGroups int

	// MaxFrames is the maximum number of lines of a backtrace in Text and JUnit; 0
	// means no maximum.
	MaxFrames int

	// Detail is how much Text and JUnit write about a group.
	Detail Detail

	// ObjectType adds the types that objects may have to Text and JUnit, see
	// [kmemleak.Symbolizer.ObjectType].
	ObjectType bool

	// Allocinfo is the file /proc/allocinfo of the kernel that the leaks are of, or one that
	// was saved with the report. Text, JUnit and JSON then say how much is live, leaked or
	// not, of what the same lines have allocated. Kernels before 6.10 do not have it, nor do
	// those without CONFIG_MEM_ALLOC_PROFILING: if it does not exist, or counts nothing, or
	// Allocinfo is "", nothing is said.
	Allocinfo string

	// Clock turns jiffies into time, for Text, JUnit and OpenMetrics. With the zero Clock
	// no times are shown, but those that the ages of old kernels give.
	Clock kmemleak.Clock

	// Color is for Text.
	Color Color

	allocated *allocinfo.Table // content of Allocinfo, nil if there is none
}

// Detail is how much is written about a group of leaks.
type Detail uint8

const (
	Normal  Detail = iota
	Brief          // no source lines, no dump, and only the thread of one object
	Verbose        // also how sure each place is, and why
)

// get returns the options behind a pointer that may be nil.
func (o *Options) get() Options {
	if o == nil {
		return Options{}
	}
	return *o
}

// bound returns how many of n things a limit leaves; 0 is no limit.
func bound(n, limit int) int {
	if limit <= 0 {
		return n
	}
	return min(n, limit)
}
