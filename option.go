// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/kmemleak/kmemleak/internal/resolve"
)

// An Option changes what [Detector.Find] and [Detector.During] look for, report, or do.
// A leak must pass all options that narrow what is reported. An Option may be used many
// times.
type Option interface {
	apply(*options) error

	// TestOption marks the options of this package as ones that package kmemleaktest
	// takes as well. It does nothing.
	TestOption()
}

type optionFunc func(*options) error

func (f optionFunc) apply(o *options) error { return f(o) }
func (optionFunc) TestOption()              {}

// set is an option that cannot be wrong.
func set(f func(*options)) Option {
	return optionFunc(func(o *options) error { f(o); return nil })
}

type options struct {
	ignore   []func(Leak) bool
	windows  [][]Window // one of each
	since    []uint64
	baseline map[identity]bool

	minAge time.Duration
	scans  int
	ended  time.Time
	limit  int
	proof  string

	thorough   bool
	symbolizer *Symbolizer
	progress   func(Progress)
	suppress   Suppressions
}

func newOptions(opts []Option) (*options, error) {
	o := &options{minAge: defaultMinAge, limit: defaultLimit}
	for _, option := range opts {
		if err := option.apply(o); err != nil {
			return nil, err
		}
	}
	if o.progress == nil {
		o.progress = func(Progress) {}
	}
	return o, nil
}

const (
	// defaultMinAge is MSECS_MIN_AGE of mm/kmemleak.c, the same in every kernel so
	// far.
	defaultMinAge = 5 * time.Second

	// defaultLimit keeps a report within a gigabyte of memory.
	defaultLimit = 1 << 20
)

// A Window is a span of a kernel's time, by its tick counter: from the tick From to
// the tick To, both included. A tick is 1 to 10 ms, as the kernel was built.
//
// To may be less than From: the counter of a 32-bit kernel began anew meanwhile,
// as it does five minutes after boot and again after 50 days or more.
type Window struct {
	Name string // of what went on, for people
	From uint64 // as Detector.Mark returns it
	To   uint64 // as Detector.Jiffies returns it
}

// Contains reports whether an object with this [Leak.Jiffies] was allocated in the
// window.
func (w Window) Contains(jiffies uint64) bool {
	if w.From <= w.To {
		return w.From <= jiffies && jiffies <= w.To
	}
	return w.From <= jiffies || jiffies <= w.To
}

// IgnoreFunc ignores leaks whose owner, see [Leak.Owner], is one of these functions, or a
// function that was inlined into it. Names are compared without the compiler's suffixes
// such as .isra.0.
func IgnoreFunc(names ...string) Option {
	return Ignore(func(l Leak) bool {
		return slices.ContainsFunc(l.Owner().funcs(), func(name string) bool {
			return name != "" && (slices.Contains(names, name) || slices.Contains(names, Frame{Func: name}.BaseName()))
		})
	})
}

// Ignore ignores the leaks for which f returns true.
func Ignore(f func(Leak) bool) Option {
	return set(func(o *options) { o.ignore = append(o.ignore, f) })
}

// InModule reports only leaks whose owner, see [Leak.Owner], is in one of these modules,
// and those whose owner's module is not known, which may be any; '-' and '_' are equal.
// Frames in the memory of a module's init function have lost their module:
// [WithSymbolizer] finds it again.
func InModule(names ...string) Option {
	modules := make([]string, len(names))
	for i, name := range names {
		modules[i] = resolve.ModuleName(name)
	}
	return Ignore(func(l Leak) bool {
		module, known := l.Owner().Module()
		return known && !slices.Contains(modules, module)
	})
}

// Within reports only what was allocated in one of these windows.
func Within(windows ...Window) Option {
	return set(func(o *options) { o.windows = append(o.windows, windows) })
}

// Since reports only what was allocated from the tick jiffies on, see [Detector.Mark],
// up to the call.
func Since(jiffies uint64) Option {
	return set(func(o *options) { o.since = append(o.since, jiffies) })
}

// Suppress ignores the leaks that an entry of the list matches and that are not
// expired, see [Finding.Suppressions].
func Suppress(list Suppressions) Option {
	return set(func(o *options) { o.suppress = append(o.suppress, list...) })
}

// SuppressFile is [Suppress] with a file, see [ParseSuppressions].
func SuppressFile(name string) Option {
	return optionFunc(func(o *options) error {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("suppressions: %w", err)
		}
		defer file.Close()
		list, err := ParseSuppressions(file)
		if err != nil {
			return fmt.Errorf("suppressions: %s: %w", name, err)
		}
		o.suppress = append(o.suppress, list...)
		return nil
	})
}

// Baseline does not report these leaks, which were found before. A leak is reported all
// the same if its object was freed and another one took its place.
//
// A leak that a stale pointer hid from the earlier search, and that is found now, is
// reported too. [Within] and [Since] go by the time of the allocation instead.
func Baseline(leaks []Leak) Option {
	return set(func(o *options) {
		if o.baseline == nil {
			o.baseline = make(map[identity]bool, len(leaks))
		}
		for _, l := range leaks {
			o.baseline[identityOf(l)] = true
		}
	})
}

// MinAge is how old an object must be for the kernel to report it. The default is 5 s, as
// in every kernel so far. With 0 Find does not wait for young objects, and misses them.
func MinAge(age time.Duration) Option {
	return optionFunc(func(o *options) error {
		if age < 0 {
			return fmt.Errorf("minimum age %v is negative", age)
		}
		o.minAge = age
		return nil
	})
}

// Ended is the time at which the work under test ended, if that was before the call of
// [Detector.Find]. Find then waits less for objects to be old enough. [Detector.During]
// knows the time by itself.
func Ended(t time.Time) Option {
	return set(func(o *options) {
		if o.ended.IsZero() || t.Before(o.ended) {
			o.ended = t
		}
	})
}

// Scans asks for n scans in all, and a few more if these do not agree. The default is
// what docs/guarantees.md derives, 4 in most kernels. More scans find more of what stale
// pointers hide. Fewer take less time on big machines: Find then ends after the n-th, of
// which there are at least 2, and [Finding.Doubts] says that leaks may be missing. The
// default stays if n is not positive.
func Scans(n int) Option {
	return set(func(o *options) { o.scans = n })
}

// Thorough makes Find look for 10 s at least, and also find what only values on kernel
// stacks point to: see [Finding.Suspects]. It makes some scans that leave out stacks, and
// sees to it that the last ones do not. If the kernel has CONFIG_VMAP_STACK, scans look at
// stacks in any case, and there are no Suspects. It found 99 % of single objects, where a
// plain search found 93 to 97 %; what it misses is hidden by a value that stays, and what is
// lost a second time lies elsewhere. docs/guarantees.md has the numbers.
func Thorough() Option {
	return set(func(o *options) { o.thorough = true })
}

// MaxLeaks limits the leaks that Find reads of the kernel's report to n, those that options
// ignore among them. If there are more, the error is [ErrTruncated]. The default is
// 1,048,576, which takes up to a gigabyte of memory.
func MaxLeaks(n int) Option {
	return optionFunc(func(o *options) error {
		if n <= 0 {
			return fmt.Errorf("limit of %d leaks", n)
		}
		o.limit = n
		return nil
	})
}

// ProofOfLife makes Find load a module that leaks when it is loaded, given as its .ko
// file. If its leaks are not found, the error is [ErrNoProof]. They are not reported, and
// the module is unloaded in the end; the memory remains lost. The
// kernel's own kmemleak-test.ko serves (CONFIG_SAMPLE_KMEMLEAK, up to Linux 6.2
// CONFIG_DEBUG_KMEMLEAK_TEST).
func ProofOfLife(module string) Option {
	return set(func(o *options) { o.proof = module })
}

// WithSymbolizer sets [Leak.Calls] of the leaks to what [Symbolizer.Backtrace] returns.
// Options that look at a leak's owner then know the names that the kernel had lost.
func WithSymbolizer(s *Symbolizer) Option {
	return set(func(o *options) { o.symbolizer = s })
}

// WithProgress calls f when Find enters a stage, about once a second in long ones, and at
// every thousandth leak. Calls do not overlap.
func WithProgress(f func(Progress)) Option {
	return set(func(o *options) { o.progress = f })
}

// inTime applies the options that look at the time of the allocation.
func (o *options) inTime(l Leak) bool {
	for _, windows := range o.windows {
		if !slices.ContainsFunc(windows, func(w Window) bool { return w.Contains(l.Jiffies) }) {
			return false
		}
	}
	return true
}
