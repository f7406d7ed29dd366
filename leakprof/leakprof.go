// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package leakprof makes a profile of leaks, in the format of pprof. It is for the
// memory that a kernel has lost what a heap profile is for a program. "go tool pprof
// -http" shows it as a flame graph, as a list and in the source. Grafana Pyroscope and
// Parca collect profiles from many machines; docs/profiles.md shows how.
//
// A sample is the leaks with the same backtrace and labels. Its values are
//
//	leaked_objects  count
//	leaked_space    bytes; shown by default
//
// named after the inuse_objects and inuse_space of Go's heap profiles, and its labels
// are
//
//	comm    name of the thread that allocated, if it has one; control characters are dots
//	pid     its ID as the kernel prints it, 0 for interrupts; a number
//	age     "under 1m", "1m to 10m", "10m to 1h", "1h to 1d", "over 1d", or "unknown"
//	module  owner of the leak, see [kmemleak.Owner]; "kernel" for the kernel image
//
// # What is known about a frame
//
// Functions that were inlined, and those that the kernel has lost, are frames like any
// other. A frame has file and line only if they may be taken as a fact
// ([kmemleak.Assumed] or more). A bare address that stays unknown has no name. The
// address is the printed one less 1, which is in the call, and 0 if none was printed. A
// leak without a backtrace has one frame about which nothing is known.
//
// Functions that allocate for others are part of the profile, but the profile makes
// pprof hide them. The bytes are then those of the function that the memory was for.
//
// There is a mapping for the kernel image and for each module. Its build ID is from the
// report, from [kmemleak.Symbolizer.Modules], or from the file that the lines are from.
package leakprof

import (
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/google/pprof/profile"

	"github.com/kmemleak/kmemleak"
)

// Options says how to make a profile. The zero value is a good start, and so is a nil
// pointer.
type Options struct {
	// Symbolizer finds functions, files and lines. If it is nil, the profile has those
	// that a tool has put into the frames.
	Symbolizer *kmemleak.Symbolizer

	// Time is when the leaks were looked for. A zero time is left out; servers that
	// collect profiles do not like that.
	Time time.Time

	// Clock is used to compute the age of leaks, as of Time, if the report does not have
	// it. The zero Clock knows nothing.
	Clock kmemleak.Clock

	// Err is the reason why leaks could not be looked for, or why some may be missing. It
	// is nil if the search was complete. It becomes a comment: "go tool pprof -comments"
	// shows it.
	Err error
}

// New makes a profile. The samples are in the order of the leaks, and the same leaks
// result in the same profile.
//
// The profile is well-formed whatever the leaks are. A sum that does not fit into 63
// bits is the largest number that does.
func New(leaks []kmemleak.Leak, o *Options) *profile.Profile {
	b := newBuilder(o)
	for _, l := range leaks {
		b.add(l)
	}
	b.drop()
	return b.profile
}

// Write writes the profile that New makes, compressed with gzip as pprof does it. The
// error is that of w.
func Write(w io.Writer, leaks []kmemleak.Leak, o *Options) error {
	return New(leaks, o).Write(w)
}

// age returns the bucket of a leak's age.
func (b *builder) age(l kmemleak.Leak) string {
	age := l.Age
	if age == 0 && !b.Time.IsZero() {
		if at, ok := b.Clock.Time(l.Jiffies); ok {
			if age = b.Time.Sub(at); age > -time.Second { // clocks are read one after the other
				age = max(age, 1)
			}
		}
	}
	switch {
	case age <= 0:
		return "unknown"
	case age < time.Minute:
		return "under 1m"
	case age < 10*time.Minute:
		return "1m to 10m"
	case age < time.Hour:
		return "10m to 1h"
	case age < 24*time.Hour:
		return "1h to 1d"
	}
	return "over 1d"
}

// clean makes a name fit for labels, which are UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '.'
		}
		return r
	}, s)
}

// owner returns the label of the module that a leak belongs to.
func owner(own kmemleak.Owner) string {
	module, known := own.Module()
	switch {
	case !known:
		return "unknown"
	case module == "":
		return "kernel"
	}
	return clean(module)
}

func sum(a int64, b uint64) int64 {
	if b > math.MaxInt64 || a > math.MaxInt64-int64(b) {
		return math.MaxInt64
	}
	return a + int64(b)
}
