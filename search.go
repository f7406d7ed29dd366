// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"context"
	"fmt"
	"time"

	"github.com/kmemleak/kmemleak/internal/machine"
	"github.com/kmemleak/kmemleak/internal/stackkey"
)

// A search is one run of the protocol.
type search struct {
	machine machine.Machine
	watch   *watch
	options *options
	finding *Finding
	begun   time.Time

	seen     map[identity]sighting // every relevant leak of any reading
	readings int
	calls    map[stackkey.Key[Frame, Call]][]Call
	proof    proof
	pace     pace
}

// A sighting is a leak with the number of the last reading that held it.
type sighting struct {
	leak    Leak
	reading int
}

const (
	// hidings is from how many scans a stale value may hide an object for it to be
	// found all the same. The scan that computes the object's checksum counts, if it
	// is not the first one.
	hidings = 2

	// absences is how many readings a leak must be missing in, one after the other,
	// to have vanished.
	absences = hidings + 1

	// maxFates bounds the questions at the end of a search. Each writes twenty lines to the
	// kernel log.
	maxFates = 64

	// maxRounds bounds the scans that wait for readings to agree: with more than
	// that something changes all the time.
	maxRounds = 10

	// thoroughness is how long to look in any case. A stale value on some stack,
	// mostly of an interrupt, hides an object for a while. One scan more takes
	// 20 ms where Find is used for tests.
	thoroughness     = time.Second
	moreThoroughness = 10 * time.Second // with the option Thorough
)

// scansFor returns how many scans of objects that are old enough there must be where n
// in a row have to find an object unreferenced: one less could be hidings and n-1
// before, between and after them.
func scansFor(n int) int { return (hidings + 1) * n }

// scan makes one scan.
func (s *search) scan(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	s.finding.Scans++
	s.pace.begin()
	s.report(StageScanning, 0)
	done := make(chan error, 1)
	go func() { done <- s.machine.Scan(ctx) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				return fmt.Errorf("scan %d: %w", s.finding.Scans, err)
			}
			s.pace.end()
			return nil
		case <-time.After(time.Second):
			s.report(StageScanning, 0)
		}
	}
}

// age waits until all that was allocated up to the end of the work is old enough
// for the next scan to report it.
func (s *search) age(ctx context.Context) error {
	for {
		left := time.Until(s.pace.aged)
		if left <= 0 {
			return nil
		}
		s.report(StageAging, 0)
		select {
		case <-ctx.Done():
			return fmt.Errorf("while waiting until objects are %v old: %w", s.options.minAge, context.Cause(ctx))
		case <-time.After(min(left, time.Second)):
		}
	}
}

// pause lets the kernel do something else, which overwrites stale values.
func (s *search) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}

func (s *search) report(stage Stage, leaks int) {
	s.options.progress(Progress{Stage: stage, Scan: s.finding.Scans, Leaks: leaks, Elapsed: time.Since(s.begun), Left: s.pace.left(s.finding.Scans)})
}

// doubt adds to what the search could not make sure of.
func (s *search) doubt(format string, args ...any) {
	s.finding.Doubts = append(s.finding.Doubts, fmt.Errorf(format, args...))
}

// A watch is of those who write to the control file.
type watch struct {
	watcher machine.Watcher // nil if there is none
	err     error           // the reason
}

func beginWatch(m machine.Machine) *watch {
	w := new(watch)
	w.watcher, w.err = m.Watch()
	return w
}

// end ends the watch, if it has not ended.
func (w *watch) end() {
	if w.err == nil && w.watcher != nil {
		w.watcher.Close()
	}
	w.watcher = nil
}

// A pace tells how long a search will take.
type pace struct {
	first        int           // scans before those by which leaks are told
	scans        int           // that tell leaks, if nothing changes meanwhile
	aged         time.Time     // when all objects are old enough; zero: at once
	thoroughness time.Duration // how long to look with those that tell leaks, in any case
	until        time.Time     // when that is over; zero before they begin

	begun time.Time     // of the scan that goes on; zero if none does
	last  time.Duration // that a scan has taken; 0 if none has ended
}

func (p *pace) begin() { p.begun = time.Now() }

func (p *pace) end() { p.last, p.begun = max(time.Since(p.begun), 1), time.Time{} }

// left returns the time that is left when so many scans have begun, 0 if nobody knows.
func (p *pace) left(scans int) time.Duration {
	if p.last == 0 {
		return 0
	}
	ahead := func(scans int) time.Duration { return time.Duration(max(scans, 0)) * p.last }
	var rest time.Duration // of the scan that goes on
	if !p.begun.IsZero() {
		rest = max(p.last-time.Since(p.begun), 0)
	}
	if !p.until.IsZero() {
		return max(rest+ahead(p.first+p.scans-scans), time.Until(p.until))
	}
	return rest + max(time.Until(p.aged), 0) + ahead(p.first-scans) + max(ahead(p.scans), p.thoroughness)
}
