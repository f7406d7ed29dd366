// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package leakfmt writes leaks for people and for machines:
//
//	Text         for a person, at a terminal or in a log
//	JSONLines    for any program: an object a line, described by Schema
//	JUnit        for CI, which shows leaks as failed tests
//	OpenMetrics  for Prometheus, by way of node_exporter's textfile collector
//
// No leaks and "could not look" never look the same in any of them: give the
// error of [kmemleak.Detector.Find] as [Options.Err].
//
// What came from a kernel, a mail or a file is never written raw: control
// characters, among them those that turn the direction of text, and bytes that are
// no UTF-8 are replaced or escaped. A place that the [kmemleak.Symbolizer] does not
// stand for, with less than [kmemleak.Assumed] confidence, is never shown as a fact.
//
// The functions keep no state and may be called from several goroutines. They
// return the first error of the writer. docs/output.md describes the formats for
// machines.
package leakfmt

import (
	"time"

	"github.com/kmemleak/kmemleak"
)

// Options says how to show leaks. The zero value, and nil for a pointer to it, is
// good for a start.
type Options struct {
	// Symbolizer finds the source lines. Without, there are those that a tool has
	// put into the frames, see [kmemleak.WithSymbolizer]. Equal backtraces are
	// looked up once.
	Symbolizer *kmemleak.Symbolizer

	// Err is why nobody could look for leaks or why some may be missing, as
	// [kmemleak.Detector.Find] returns it beside the leaks; nil if somebody looked.
	Err error

	// Time is when the leaks were looked for, for JUnit and OpenMetrics. The zero
	// time is left out.
	Time time.Time

	// MaxGroups is how many groups of leaks Text and JUnit show, the largest first,
	// and how many series OpenMetrics has. Of the rest they tell the number. 0 is
	// all of them, for OpenMetrics 100.
	MaxGroups int

	// MaxFrames is how many lines of a backtrace Text and JUnit show; 0 is all.
	MaxFrames int

	// Detail says how much Text and JUnit tell of a group.
	Detail Detail

	// ObjectType adds to Text and JUnit what the objects may be, by
	// [kmemleak.Symbolizer.ObjectType].
	ObjectType bool

	// Clock turns jiffies into time, for Text and JUnit. The zero Clock knows
	// nothing.
	Clock kmemleak.Clock

	// Color is for Text.
	Color Color
}

// Detail is how much is told of a group of leaks.
type Detail uint8

const (
	Normal  Detail = iota
	Brief          // no source lines, no dump, and of one object nothing but the thread
	Verbose        // with how sure each place is, and why
)

// get gives the options behind a pointer that may be nil.
func (o *Options) get() Options {
	if o == nil {
		return Options{}
	}
	return *o
}

// bound gives the number of n things that a limit of 0 for all leaves.
func bound(n, limit int) int {
	if limit <= 0 {
		return n
	}
	return min(n, limit)
}
