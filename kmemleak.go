// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package kmemleak drives the Linux kernel's memory leak detector of the same
// name, reads its reports and turns their frames into source lines.
//
// From a kernel to a line of code:
//
//	var d kmemleak.Detector                        // finds the control file by itself
//	found, err := d.During(ctx, func() { … })      // what was lost meanwhile
//	now, _ := d.Snapshot()                         // where modules are, for bare addresses
//	s := kmemleak.Symbolizer{Modules: now.Modules} // finds vmlinux and .ko files by itself
//	leakfmt.Text(os.Stdout, found.Leaks, &leakfmt.Options{Symbolizer: &s, Err: err})
//
// [Detector.During] and [Detector.Find] follow kmemleak's rules: how old objects have
// to be, how often to scan, and what spoils a result. Each step is also available by
// itself: [MountDebugfs], [Detector.Probe], [Detector.Scan], [Detector.Leaks],
// [Detector.Clear] and others.
//
// Each part works without the others: [Parse] and [Extract] read saved reports and
// logs on any operating system, a [Symbolizer] needs no kernel, and a [Detector]
// needs no debugging information.
//
// Beside this package there are kmemleaktest, for go test; kerneltest, which simulates
// a kernel; leakfmt, which writes leaks for people and for programs; leakprof, which
// makes profiles of them; and the program cmd/kmemleak. The folder examples shows
// each at work.
//
// # Errors
//
// No leaks and a nil error mean that kmemleak looked and found nothing. If it could
// not look, the error matches [ErrUnavailable] or [ErrDisabled] (this kernel cannot,
// or can no longer), [io/fs.ErrPermission] (the caller may not), or another error of
// the operating system. Text that is not a report causes a [*ParseError], which wraps
// [ErrFormat] and names the line.
//
// The texts of errors are for people and may change.
package kmemleak

import (
	"errors"
	"fmt"

	"github.com/kmemleak/kmemleak/internal/machine"
)

// The reasons why there is no answer. Match them with [errors.Is]: they are wrapped
// together with the cause.
var (
	// ErrUnavailable means that there is no kmemleak to talk to: the kernel was built
	// without CONFIG_DEBUG_KMEMLEAK, debugfs is not mounted or is switched off, or
	// this is not Linux. It also matches [errors.ErrUnsupported].
	ErrUnavailable = machine.ErrUnavailable

	// ErrDisabled means that the kernel has kmemleak, but it is switched off until
	// the next boot: by kmemleak=off on the kernel command line or
	// CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF, by the command "off", or by itself after it
	// ran out of memory. A report read in this state says nothing about leaks.
	ErrDisabled = machine.ErrDisabled

	// ErrFormat means that text is not what a kernel prints. It is always wrapped in
	// a [*ParseError].
	ErrFormat = errors.New("not a kmemleak report")
)

// ParseError describes a line that could not be read.
type ParseError struct {
	Line int    // number of the line in the input, from 1
	Text string // the line itself, without its end; long lines are cut; "" if a line is missing
	Err  error  // the cause; wraps [ErrFormat]
}

var _ error = (*ParseError)(nil)

// Error returns the line number, the cause, and the quoted text if there is any.
func (e *ParseError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("line %d: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("line %d: %v: %q", e.Line, e.Err, e.Text)
}

// Unwrap returns e.Err.
func (e *ParseError) Unwrap() error { return e.Err }

// A formatError is a cause that wraps [ErrFormat] without repeating its text.
type formatError string

func formatErrorf(format string, args ...any) error {
	return formatError(fmt.Sprintf(format, args...))
}

func (e formatError) Error() string { return string(e) }
func (formatError) Unwrap() error   { return ErrFormat }

// clip returns text for an error, cut if it is long.
func clip(b []byte) string {
	const longest = 200
	if len(b) > longest {
		return string(b[:longest]) + "..."
	}
	return string(b)
}
