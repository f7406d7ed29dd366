// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"

	"github.com/kmemleak/kmemleak/internal/stackkey"
)

// A reading is what a report says, as far as the options want to know.
type reading struct {
	leaks, known []Leak
	ignored      int
}

// read reads the report until the reading is the same as before or adds nothing.
//
// The kernel serves about a page a read, and finds the place to go on by counting
// the objects that it tracks, leaked or not (kmemleak_seq_start): when an object
// further ahead is freed between two reads, the next one is skipped. So one pass
// proves nothing. No leak can appear between two scans, so what is read adds up.
func (s *search) read(ctx context.Context, before *reading) (*reading, error) {
	const maxPasses = 10
	all := make(map[identity]bool)
	s.readings++
	r := new(reading)
	for range maxPasses {
		found, err := s.pass(ctx, all)
		s.relevant(r, found)
		if err != nil || len(found) == 0 || r.same(before) {
			return r, err
		}
	}
	return r, nil
}

// pass reads the report once and returns the leaks that are not in all yet.
func (s *search) pass(ctx context.Context, all map[identity]bool) (found []Leak, err error) {
	s.report(StageReading, len(all))
	file, err := s.machine.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	defer file.Close()
	n := 0
	for l, err := range ParseSeq(file) {
		if err != nil {
			return found, fmt.Errorf("report: %w", err)
		}
		if n++; n%1000 == 0 {
			s.report(StageReading, n)
			if ctx.Err() != nil {
				return found, fmt.Errorf("after %d leaks: %w", n, context.Cause(ctx))
			}
		}
		if id := identityOf(l); !all[id] {
			if len(all) >= s.options.limit {
				return found, fmt.Errorf("%w of %d that was set for reading them (MaxLeaks)", ErrTruncated, s.options.limit)
			}
			all[id] = true
			found = append(found, l)
		}
	}
	return found, nil
}

// relevant adds to r what the options want, remembers it, and sorts out proofs of life.
func (s *search) relevant(r *reading, leaks []Leak) {
	o := s.options
	for _, l := range leaks {
		id := identityOf(l)
		switch {
		case s.proof.is(l):
		case !o.inTime(l):
		case o.baseline[id]:
			r.known = append(r.known, l)
		default:
			l.Calls = s.callsOf(l)
			if slices.ContainsFunc(o.ignore, func(ignore func(Leak) bool) bool { return ignore(l) }) {
				r.ignored++
				continue
			}
			s.seen[id] = sighting{leak: l, reading: s.readings}
			r.leaks = append(r.leaks, l)
		}
	}
}

// callsOf returns what the symbolizer finds out, nil without one.
func (s *search) callsOf(l Leak) []Call {
	if s.options.symbolizer == nil {
		return nil
	}
	key := stackkey.Of(l.Backtrace, l.Calls)
	calls, ok := s.calls[key]
	if !ok || len(l.Backtrace) == 0 {
		calls = s.options.symbolizer.Backtrace(l.Backtrace)
		s.calls[key] = calls
	}
	return calls
}

// same reports whether two readings hold the same leaks.
func (r *reading) same(other *reading) bool {
	if len(r.leaks) != len(other.leaks) {
		return false
	}
	ids := r.ids()
	return !slices.ContainsFunc(other.leaks, func(l Leak) bool { return !ids[identityOf(l)] })
}

// ids returns the leaks of a reading as a set.
func (r *reading) ids() map[identity]bool {
	ids := make(map[identity]bool, len(r.leaks))
	for _, l := range r.leaks {
		ids[identityOf(l)] = true
	}
	return ids
}

// missing reports whether a leak has been missing for so short that a stale value may
// hide it. Freed objects do not come back.
func (s *search) missing(ctx context.Context) bool {
	const most = 16 // questions
	asked := 0
	for _, seen := range s.seen {
		away := s.readings - seen.reading
		if away == 0 || away >= absences {
			continue
		}
		if asked++; asked > most || s.fate(ctx, seen.leak) != FateFreed {
			return true
		}
	}
	return false
}

// settle asks the kernel about what was seen before and is not in the last reading.
func (s *search) settle(ctx context.Context, last *reading) {
	for _, l := range last.leaks {
		delete(s.seen, identityOf(l))
	}
	for _, seen := range s.seen {
		v := Vanished{Leak: seen.leak}
		if len(s.finding.Vanished) < maxFates {
			v.Fate = s.fate(ctx, v.Leak)
		}
		s.finding.Vanished = append(s.finding.Vanished, v)
	}
	gone := s.finding.Vanished
	sort.Slice(gone, func(i, j int) bool { // slices.SortFunc would be 20 kB for this type
		a, b := &gone[i].Leak, &gone[j].Leak
		return cmp.Or(cmp.Compare(a.Jiffies, b.Jiffies), cmp.Compare(a.Addr, b.Addr)) < 0
	})
}

// fate asks the kernel about an object that is not reported any more.
func (s *search) fate(ctx context.Context, l Leak) Fate {
	object, err := dumpObject(ctx, s.machine, l.Addr)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return FateFreed
	case err != nil:
		return FateUnknown
	}
	return object.Fate(l)
}
