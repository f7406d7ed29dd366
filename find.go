// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak/internal/machine"
	"github.com/kmemleak/kmemleak/internal/stackkey"
)

// Find finds what is leaked now. An empty result with a nil error means that the search
// was complete.
//
// It takes 5 s, and then 1 s or the time of three scans: the kernel never reports
// objects younger than 5 s, and it reports a fresh leak at the second scan that sees it
// at the earliest. Where the kernel's parameter min_unref_scans is n, it takes 3 n scans:
// so a leak that stale values in memory hide from any two scans is found
// (docs/guarantees.md has the proof). Find confirms leaks: an object that one scan reports and the
// next three do not is not counted, see [Finding.Vanished]. Find scans until two scans
// agree, at most ten more times; if they never do, the error is [ErrUnsettled]. An object to which some
// stale value points all that time stays hidden, which is the limit of what kmemleak can
// see.
//
// Nothing is destroyed: leaks stay in the kernel's report. Options tell old ones from new
// ones ([Within], [Since], [Baseline]). While Find is at work the kernel's own scanning
// thread is stopped; afterwards it runs again if it did before, at the same period. If
// Find is killed meanwhile, the next Find on this machine starts the thread again.
//
// Find makes scans look at stacks, and leaves it so, since the setting cannot be read back.
// Otherwise objects that only a running function points to would be taken for leaks, see
// [Detector.SetStackScan].
//
// One Find is at work at a time on a machine. Others wait for it, in this process or
// another: Find holds a flock on the control file. Commands that others give
// nevertheless are noticed and are an [ErrInterfered].
//
// ctx ends every wait and every scan, within 0.1 s on this machine; Find then returns its
// cause, with what was found so far. Other errors are those of [Detector] and those listed
// with [ErrInterfered].
func (d *Detector) Find(ctx context.Context, opts ...Option) (Finding, error) {
	o, err := newOptions(opts)
	if err != nil {
		return Finding{}, fmt.Errorf("find: %w", err)
	}
	return d.find(ctx, o, nil)
}

// During calls f and finds what was allocated while f ran and is leaked now. It
// holds the machine's lock all the while, so that programs that use this package
// do not run into each other. Objects of other origin that were allocated at the
// same time are among them: the whole kernel is one.
//
// Commands that anybody else gives kmemleak while f runs are an [ErrInterfered], those of
// processes that f starts among them.
//
// If kmemleak cannot be used, f is not called. What is said of [Detector.Find] holds for
// the rest.
func (d *Detector) During(ctx context.Context, f func(), opts ...Option) (Finding, error) {
	o, err := newOptions(opts)
	if err != nil {
		return Finding{}, fmt.Errorf("find: %w", err)
	}
	unlock, err := d.lock(ctx, o)
	if err != nil {
		return Finding{}, fmt.Errorf("find: %w", err)
	}
	defer unlock()
	// A kernel that cannot tell afterwards need not be put to work.
	m := d.machine()
	if err := machine.Probe(ctx, m); err != nil {
		return Finding{}, fmt.Errorf("find: %w", err)
	}
	watch := beginWatch(m)
	defer watch.end()
	var w Window
	if w.From, err = machine.Mark(ctx, m); err != nil {
		return Finding{}, fmt.Errorf("find: read jiffies: %w", err)
	}
	f()
	o.ended = time.Now()
	if w.To, err = m.Jiffies(ctx); err != nil {
		return Finding{}, fmt.Errorf("find: read jiffies: %w", err)
	}
	o.windows = append(o.windows, []Window{w})
	return d.find(ctx, o, watch)
}

// find makes a search. A watch that has begun already goes on; nil is none.
func (d *Detector) find(ctx context.Context, o *options, w *watch) (f Finding, err error) {
	begun := time.Now()
	if o.ended.IsZero() {
		o.ended = begun
	}
	s := &search{
		machine: d.machine(), watch: w, options: o, finding: &f,
		begun: begun, seen: make(map[identity]sighting), calls: make(map[stackkey.Key[Frame, Call]][]Call),
	}
	if err := s.begin(ctx, d); err != nil {
		return f, fmt.Errorf("find: %w", err)
	}
	return f, nil
}

// begin makes the search when no other is at work.
func (s *search) begin(ctx context.Context, d *Detector) error {
	o := s.options
	if len(o.since) > 0 {
		now, err := s.machine.Jiffies(ctx)
		if err != nil {
			return err
		}
		for _, from := range o.since {
			o.windows = append(o.windows, []Window{{From: from, To: now}})
		}
	}
	unlock, err := d.lock(ctx, o)
	if err != nil {
		return err
	}
	defer unlock()
	select {
	case searching <- true:
		defer func() { <-searching }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return s.run(ctx)
}

// searching holds a token while one of this process's searches is at work.
var searching = make(chan bool, 1)

// lock takes the machine's lock. Windows and searches of one process share it.
func (d *Detector) lock(ctx context.Context, o *options) (unlock func(), err error) {
	begun := time.Now()
	unlock, err = d.machine().Lock(ctx, func() { o.progress(Progress{Stage: StageQueueing, Elapsed: time.Since(begun)}) })
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("while another process was looking for leaks: %w", err)
	}
	return unlock, err
}

// Lock waits until no other process is looking for leaks with this package on the
// machine, and keeps others waiting until unlock is called. The searches of this
// process go on. It is for programs that make leaks to be found later. Callers that only
// use [Detector.Find] or [Detector.During] do not need it.
func (d *Detector) Lock(ctx context.Context) (unlock func(), err error) {
	unlock, err = d.lock(ctx, &options{progress: func(Progress) {}})
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	return unlock, nil
}

// run makes the search. Everything before and after the scans is undone in any case.
func (s *search) run(ctx context.Context) (err error) {
	m := s.machine
	undo := context.WithoutCancel(ctx)
	if err := machine.Probe(ctx, m); err != nil {
		return err
	}
	if s.watch == nil {
		s.watch = beginWatch(m)
		defer s.watch.end()
	}
	if err := s.watch.err; err != nil {
		s.doubt("who else writes to the control file could not be watched: %w (see to it that nobody else drives kmemleak; watching takes Linux with CONFIG_FANOTIFY and, outside of containers, CAP_SYS_ADMIN)", err)
	}
	automatic, err := s.automatic(ctx)
	if err != nil {
		return err
	}
	if automatic {
		// First, since a command that ctx has ended may have reached another machine.
		defer func() {
			// scan=on keeps the period; only scan=N changes it.
			restoreErr := m.Command(undo, "scan=on")
			if restoreErr == nil {
				m.NoteStopped(false)
			} else if err == nil {
				err = fmt.Errorf("restart the automatic scan: %w", restoreErr)
			}
		}()
		m.NoteStopped(true)
		if err := m.Command(ctx, "scan=off"); err != nil {
			return fmt.Errorf("stop the automatic scan: %w", err)
		}
	}
	if err := m.Command(ctx, "stack=on"); err != nil {
		return fmt.Errorf("have scans look at stacks: %w", err)
	}
	if err := s.proof.make(ctx, m, s.options); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.proof.unmake(undo, m)) }()

	// Objects whose freeing was put off would be reported.
	m.Barrier(ctx)
	err = s.protocol(ctx)
	if interfered := s.interference(undo); interfered != nil && !errors.Is(err, ErrDisabled) {
		err = interfered
	}
	if err != nil {
		return err
	}
	// Last, so that it covers all: kmemleak switches itself off at any time.
	if err := machine.Probe(undo, m); err != nil {
		return fmt.Errorf("kmemleak ended while it was used: %w", err)
	}
	return s.proof.check()
}

// automatic reports whether the kernel's scanning thread is to be stopped for the search
// and to run after it. It is stopped before the first scan: the kernel can deadlock when
// it is stopped while a scan goes on.
func (s *search) automatic(ctx context.Context) (bool, error) {
	running, err := s.machine.ScanThread(ctx)
	switch {
	case errors.Is(err, machine.ErrHidden):
		s.doubt("whether the kernel's scanning thread runs could not be seen, so that it was not stopped: %w (look for leaks outside of containers, with a /proc of the first PID namespace)", err)
	case err != nil:
		return false, fmt.Errorf("look for the kernel's scanning thread: %w", err)
	}
	if !running && s.machine.WasStopped() {
		s.doubt("the automatic scan was off: a search that was killed had stopped it (it is on again now; to have it off: kmemleak's scan=off, SetAutoScan(0))")
		return true, nil
	}
	return running, nil
}

// interference returns an error that names who gave commands meanwhile.
func (s *search) interference(ctx context.Context) error {
	if w := s.watch; w.err == nil {
		if others := w.watcher.Others(); len(others) > 0 {
			return fmt.Errorf("%w: %s wrote to the control file meanwhile (find out who that is, or look again)",
				ErrInterfered, strings.Join(others, ", "))
		}
	}
	for _, v := range s.finding.Vanished {
		if v.Fate == FateCleared {
			return fmt.Errorf("%w: somebody cleared the leak at 0x%x after it was read", ErrInterfered, v.Leak.Addr)
		}
	}
	if running, err := s.machine.ScanThread(ctx); err == nil && running {
		return fmt.Errorf("%w: the kernel's scanning thread was stopped and runs again", ErrInterfered)
	}
	return nil
}
