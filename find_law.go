// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"time"
)

// protocol scans and reads until the leaks are known, by the law that
// docs/guarantees.md proves.
func (s *search) protocol(ctx context.Context) (err error) {
	n, err := s.minUnrefScans(ctx)
	if err != nil {
		return err
	}
	_ = s.machine.TurnOverSheaves(ctx) // what it cannot do is said of the next time
	// The kernel counts in ticks of up to 10 ms.
	const tick = 20 * time.Millisecond
	enough := scansFor(n)
	if k := s.options.scans - 1; k >= 0 {
		enough = max(k, n)
	}
	hurried := enough < scansFor(n)
	if hurried {
		s.doubt("%d scans were made, as the option Scans has it: leaks that stale values hid from one of them may be missing (%d scans make sure)", 1+enough, 1+scansFor(n))
	}
	s.pace = pace{first: 1, scans: enough, thoroughness: thoroughness}
	if s.options.thorough {
		s.pace.first, s.pace.thoroughness = 1+n+1, moreThoroughness
	}
	if s.options.minAge > 0 {
		s.pace.aged = s.options.ended.Add(s.options.minAge + tick)
	}
	// This scan cannot report a fresh leak, but computes the checksums that the
	// next one compares with. It fits into the time that objects need to age.
	if err := s.scan(ctx); err != nil {
		return err
	}
	if err := s.age(ctx); err != nil {
		return err
	}
	// Once more, for what frees have kept from it, and for caches that the kernel has used meanwhile.
	if err := s.machine.TurnOverSheaves(ctx); err != nil {
		s.doubt("%w", err)
	}
	suspects, err := s.suspects(ctx, n)
	if err != nil {
		return err
	}
	s.pace.until = time.Now().Add(s.pace.thoroughness)
	now := new(reading)
	for scan := 1; ; scan++ {
		if err = s.scan(ctx); err != nil {
			break
		}
		if scan >= n { // none is reported before
			before := now
			agreed := false
			s.machine.Apart(func() {
				now, err = s.read(ctx, before)
				agreed = err == nil && now.same(before) && !s.missing(ctx) && s.proof.found
			})
			if err != nil {
				break
			}
			bound := scan >= enough+maxRounds
			if scan >= enough && (hurried || (agreed || bound) && time.Until(s.pace.until) <= 0) {
				s.settle(ctx, now)
				if err = context.Cause(ctx); err == nil && !hurried && !agreed && s.proof.found {
					err = fmt.Errorf("%w in %d scans: %d leaks, and %d that were reported before (see Finding.Vanished; look for less with During, Since or InModule, or again when less goes on)",
						ErrUnsettled, s.finding.Scans, len(now.leaks), len(s.finding.Vanished))
				}
				break
			}
		}
		if err = s.pause(ctx); err != nil {
			break
		}
	}
	f := s.finding
	f.Known = now.known
	f.Leaks, f.Suppressions = s.options.suppress.Filter(now.leaks, time.Now())
	f.Ignored = now.ignored + len(now.leaks) - len(f.Leaks)
	suspects, _ = s.options.suppress.Filter(suspects, time.Now())
	confirmed := now.ids()
	suspects = slices.DeleteFunc(suspects, func(l Leak) bool { return confirmed[identityOf(l)] })
	for i, l := range suspects {
		if i >= maxFates || s.fate(ctx, l) != FateFreed {
			f.Suspects = append(f.Suspects, l)
		}
	}
	return err
}

// suspects returns what scans report that do not look at stacks, if the options ask for
// it. Later scans show which of it are leaks.
func (s *search) suspects(ctx context.Context, n int) (suspects []Leak, err error) {
	if !s.options.thorough {
		return nil, nil
	}
	defer func() {
		if onErr := s.machine.Command(context.WithoutCancel(ctx), "stack=on"); err == nil && onErr != nil {
			err = fmt.Errorf("have scans look at stacks again: %w", onErr)
		}
	}()
	if err := s.machine.Command(ctx, "stack=off"); err != nil {
		return nil, fmt.Errorf("have scans leave out stacks: %w", err)
	}
	// The first of them computes the checksums of what stacks hid until now.
	for range n + 1 {
		if err := s.scan(ctx); err != nil {
			return nil, err
		}
	}
	s.machine.Apart(func() {
		var r *reading
		if r, err = s.read(ctx, new(reading)); err == nil {
			suspects = r.leaks
		}
	})
	// Nothing of this has been reported by a scan that counts.
	clear(s.seen)
	s.readings, s.proof.found = 0, s.options.proof == ""
	return suspects, err
}

// minUnrefScans is how many scans in a row must find an object unreferenced: 1, but
// for kernels that can be told otherwise (since 7.3). It is not set to 1 for the search:
// nothing would put it back after a kill -9.
func (s *search) minUnrefScans(ctx context.Context) (int, error) {
	const (
		name = "/sys/module/kmemleak/parameters/min_unref_scans"
		most = 100 // nobody waits for more
	)
	text, err := s.machine.Setting(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 1, nil
	case err != nil:
		return 0, fmt.Errorf("how many scans must find an object unreferenced is in a file that cannot be read (as root it can): %w", err)
	}
	n, err := strconv.ParseUint(text, 10, 32)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s, how many scans must find an object unreferenced, is not a number: %w", name, err)
	case n > most:
		return 0, fmt.Errorf("%s asks for %d scans that find an object unreferenced, which would take too long (write a number up to %d to it)", name, n, most)
	}
	return max(int(n), 1), nil // the kernel takes 0 for 1
}
