// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"time"
)

// Errors of [Detector.Find] and [Detector.During]: kmemleak works, and still its answer
// cannot be trusted. The Finding beside them has the leaks that were found.
var (
	// ErrInterfered means that somebody else gave kmemleak commands meanwhile. Leaks
	// may be missing for good.
	ErrInterfered = errors.New("kmemleak was interfered with")

	// ErrTruncated means that there are more leaks than [MaxLeaks] allows.
	ErrTruncated = errors.New("more leaks than the limit")

	// ErrUnsettled means that each scan reported other leaks, up to the last one. The
	// Finding has those of the last reading, and the others as Vanished.
	ErrUnsettled = errors.New("what is leaked did not settle")

	// ErrNoProof means that the leak that [ProofOfLife] made was not found. That no
	// others were found then means nothing.
	ErrNoProof = errors.New("the leak made as a proof of life was not found")
)

// A Finding is the result of a search for leaks.
type Finding struct {
	Leaks    []Leak     // what is leaked, in the order of the report, which is that of the allocations
	Known    []Leak     // leaks of the Baseline that are still there
	Ignored  int        // number of leaks that options left out
	Vanished []Vanished // reported by one scan and not by later ones: not leaks
	Scans    int        // number of scans that were made

	// Suspects is what only values on kernel stacks point to, with the option [Thorough]: leaks
	// if these are of ended functions, none if they are of functions that run. So they are no
	// leaks until a later search reports them as such.
	Suspects []Leak

	// Suppressions says what each entry of [Suppress] and [SuppressFile] has done.
	Suppressions []SuppressionUse

	// Doubts is what Find could not make sure of, each with cause and remedy; nil if it
	// is sure of everything:
	//   - Nobody could watch who else writes to the control file. A foreign clear is then
	//     noticed only if it removes leaks that had been read.
	//   - The kernel's threads cannot be seen, so that its scanning thread was not stopped.
	//   - A search that was killed had left the automatic scan off.
	//   - The slab allocator points to what it allocated last, which hides most leaks of single
	//     objects (Linux 7.0 and later, unless booted with slab_debug=P).
	//   - [Scans] asked for fewer scans than it takes to be sure.
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
	FateCleared                // somebody made the kernel forget it
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

// identity is what stays the same of an object in all reports. The address alone is
// used again when the object is freed.
type identity struct {
	addr, size, jiffies uint64
	pid                 int
	comm                string
}

func identityOf(l Leak) identity {
	return identity{addr: l.Addr, size: l.Size, jiffies: l.Jiffies, pid: l.PID, comm: l.Comm}
}
