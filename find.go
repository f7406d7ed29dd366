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

// Errors of [Detector.Find] and [Detector.During]: kmemleak works, and still its answer
// cannot be trusted. The Finding beside them has the leaks that were found.
var (
	// ErrInterfered: somebody else gave kmemleak commands meanwhile. Leaks may be
	// missing for good.
	ErrInterfered = errors.New("kmemleak was interfered with")

	// ErrTruncated: there are more leaks than were to be read, see [MaxLeaks].
	ErrTruncated = errors.New("more leaks than the limit")

	// ErrUnsettled: scan after scan reported other leaks, up to the last one that was
	// made. The Finding has those of the last reading, and the others as Vanished.
	ErrUnsettled = errors.New("what is leaked did not settle")

	// ErrNoProof: the leak that [ProofOfLife] made was not found, so that finding
	// no others says nothing.
	ErrNoProof = errors.New("the leak made as a proof of life was not found")
)

// A Finding is the result of a search for leaks.
type Finding struct {
	Leaks    []Leak     // what is leaked, in the order of the report, which is that of the allocations
	Known    []Leak     // leaks of the Baseline that are still there
	Ignored  int        // number of leaks that options left out
	Vanished []Vanished // reported by one scan and not by later ones: not leaks
	Scans    int        // number of scans that were made

	// Suppressions says what each entry of [Suppress] and [SuppressFile] has done.
	Suppressions []SuppressionUse

	// Doubts is what Find could not make sure of, each with cause and remedy; nil if it
	// is sure of everything:
	//   - Nobody could watch who else writes to the control file. A foreign clear is then
	//     noticed only if it removes leaks that had been read.
	//   - The kernel's threads cannot be seen, so that its scanning thread was not stopped.
	//   - A search that was killed had left the automatic scan off.
	Doubts []error
}

// Vanished is an object that was reported as leaked, and some time later was not.
type Vanished struct {
	Leak Leak
	Fate Fate
}

// Fate is what became of an object that was reported as leaked.
type Fate uint8

const (
	FateUnknown    Fate = iota // the kernel did not tell, or there were too many to ask for
	FateFreed                  // it was freed; another object may have its place
	FateReferenced             // it is there, and a pointer to it was found or its content changed
	FateCleared                // somebody had the kernel forget it
)

// String returns the fate in lower case.
func (f Fate) String() string {
	return name(int(f), "unknown", "freed", "referenced", "cleared")
}

// Progress is how far a search has come.
type Progress struct {
	Stage   Stage
	Scan    int           // number of scans begun
	Leaks   int           // number of leaks read in this stage
	Elapsed time.Duration // since the search began

	// Left is an estimate of the time that is left, from the duration of the last scan and
	// the number of scans that the search takes if nothing changes meanwhile. It is 0
	// before the end of the first scan, when nobody knows.
	Left time.Duration
}

// Stage is a part of a search for leaks.
type Stage uint8

const (
	StageQueueing Stage = iota // waiting for the lock that another process holds
	StageAging                 // waiting until objects are old enough to be reported
	StageScanning              // the kernel searches its memory
	StageReading               // the report is read
)

// String returns the stage in lower case.
func (s Stage) String() string { return name(int(s), "queueing", "aging", "scanning", "reading") }

// Find finds what is leaked now. An empty result with a nil error means that the search
// was complete.
//
// It takes 5 s, and then 1 s or the time of three scans: the kernel never reports
// objects younger than 5 s, and it reports a fresh leak at the second scan that sees it
// at the earliest. Where the kernel's parameter min_unref_scans is n, it takes 3 n scans:
// so a leak that stale values in memory hide from any two scans is found, as
// docs/guarantees.md proves. Find confirms leaks: an object that one scan reports and the
// next three do not is not counted, see [Finding.Vanished]. Find scans until two scans
// agree, at most ten more times, and is then [ErrUnsettled]. An object to which some
// stale value points all that time stays hidden, which is the limit of what kmemleak can
// see.
//
// Nothing is destroyed: leaks stay in the kernel's report. Options tell old ones from new
// ones ([Within], [Since], [Baseline]). While Find is at work the kernel's own scanning
// thread is stopped; afterwards it runs again if it did before, at the same period. If
// Find is killed meanwhile, the next one on this machine has the thread run again.
//
// Find has scans look at stacks, which cannot be read back and stays so:
// without, see [Detector.SetStackScan], objects that only a running function knows would
// be taken for leaks.
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
	return d.find(ctx, o)
}

func (d *Detector) find(ctx context.Context, o *options) (f Finding, err error) {
	begun := time.Now()
	if o.ended.IsZero() {
		o.ended = begun
	}
	s := &search{
		machine: d.machine(), options: o, finding: &f,
		begun: begun, seen: make(map[identity]sighting), calls: make(map[stackkey.Key][]Call),
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

// A search is one run of the protocol.
type search struct {
	machine machine.Machine
	options *options
	finding *Finding
	begun   time.Time

	seen     map[identity]sighting // every relevant leak of any reading
	readings int
	calls    map[stackkey.Key][]Call
	proof    proof
	pace     pace
}

// run makes the search. Everything before and after the scans is undone in any case.
func (s *search) run(ctx context.Context) (err error) {
	m := s.machine
	undo := context.WithoutCancel(ctx)
	if err := machine.Probe(ctx, m); err != nil {
		return err
	}
	if s.options.watch == nil {
		s.options.watch = beginWatch(m)
	}
	defer s.options.watch.end()
	if err := s.options.watch.err; err != nil {
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
	if err := s.proof.make(ctx, s); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.proof.unmake(undo, s)) }()

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
	if err := s.proof.check(); err != nil {
		return err
	}
	return nil
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

func (s *search) report(stage Stage, leaks int) {
	s.options.progress(Progress{Stage: stage, Scan: s.finding.Scans, Leaks: leaks, Elapsed: time.Since(s.begun), Left: s.pace.left(s.finding.Scans)})
}

// interference returns an error that names who gave commands meanwhile.
func (s *search) interference(ctx context.Context) error {
	if w := s.options.watch; w.err == nil {
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
