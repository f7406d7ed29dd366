// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package machine drives the kernel that is searched for leaks: that of this machine,
// or one behind a transport. It knows kmemleak's control file, and the parts of
// /proc, /sys and the kernel log that a search for leaks needs.
package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Errors that say why there is no kmemleak; the root package documents the first two.
var (
	ErrUnavailable error = unavailable{}
	ErrDisabled          = errors.New("kmemleak is switched off")

	// ErrNoObject means that the kernel tracks no object at an address. It matches
	// [fs.ErrNotExist].
	ErrNoObject error = noObject{}

	// ErrUnwatched means that writers cannot be watched on a machine.
	ErrUnwatched = errors.New("nobody can be watched on another machine")

	// ErrNoProc means that a file of /proc is not there that every kernel has.
	ErrNoProc = errors.New("/proc is not mounted, or with subset=pid, which leaves it out: mount -t proc proc /proc")

	// ErrNoSysfs means that the standard place of debugfs is not there.
	ErrNoSysfs = errors.New("/sys is not mounted: mount -t sysfs sysfs /sys")

	// ErrHidden means that /proc shows none of the kernel's threads.
	ErrHidden = errors.New("/proc shows no thread of the kernel, because of a PID namespace or the mount options of /proc")
)

// unavailable is the type of [ErrUnavailable]. Callers who only ask whether a feature
// is supported need not know this module.
type unavailable struct{}

func (unavailable) Error() string        { return "kmemleak is not available" }
func (unavailable) Is(target error) bool { return target == errors.ErrUnsupported }

type noObject struct{}

func (noObject) Error() string        { return "the kernel tracks no object there" }
func (noObject) Is(target error) bool { return target == fs.ErrNotExist }

// A Machine is where a kernel runs. Its methods may be called from several
// goroutines. If ctx ends first, they return its cause. On a [Local] machine only
// Scan and methods that wait do so; the others take no time and ignore ctx.
type Machine interface {
	// Command writes one command to the control file. Errors match ErrUnavailable,
	// ErrDisabled, [fs.ErrPermission], or [syscall.EINVAL] for a word that the
	// kernel does not know.
	Command(ctx context.Context, word string) error
	// Scan makes one scan. It returns nil only if the scan was complete and kmemleak
	// is on after it. A scan that ctx ends does not count.
	Scan(ctx context.Context) error
	// Open opens the report.
	Open(ctx context.Context) (io.ReadCloser, error)
	// Dump makes the kernel log what it knows about the object at addr, and returns
	// all records logged since then, whoever logged them. The error is ErrNoObject if
	// there is no object.
	Dump(ctx context.Context, addr uint64) ([]LogRecord, error)

	// Jiffies reads the kernel's tick counter.
	Jiffies(ctx context.Context) (uint64, error)
	// Setting reads a small file of /proc or /sys, without the blanks around it.
	Setting(ctx context.Context, name string) (string, error)
	// Modules returns a file system with the files of /proc/modules and /sys/module that
	// say where modules are in memory, by the same names.
	Modules(ctx context.Context) (fs.FS, error)
	// TurnOver sees to it that what is allocated next is not hidden by stale pointers of the
	// slab allocator, as far as that can be had. What that takes is kept up to the next
	// scan of this process.
	TurnOver(ctx context.Context)
	// TurnOverSheaves sees to it that SLUB's arrays (since Linux 7.0) do not point to what
	// was allocated before, as far as that can be had. The error says what they may still
	// hide, and why; it is nil on kernels that have none. Like TurnOver, it keeps some
	// memory up to the next scan.
	TurnOverSheaves(ctx context.Context) error
	// Barrier waits until all that RCU was to free by now is free, if the kernel lets
	// others ask for that. It has no error: objects that are not free yet are rarely
	// reported, and never confirmed.
	Barrier(ctx context.Context)
	// ScanThread reports whether the kernel's own scanning thread runs. The error is
	// ErrHidden if it could not be seen.
	ScanThread(ctx context.Context) (bool, error)
	// NoteStopped notes whether a search has stopped that thread, in a way that outlives
	// this process but not the kernel, if it can. WasStopped reports whether it was noted
	// last that one has; this is so after a search that was killed, for who has the lock.
	NoteStopped(stopped bool)
	WasStopped() bool

	// Lock waits until no other process holds the machine's lock. If one holds it,
	// Lock calls waiting once. This process may hold the lock several times.
	Lock(ctx context.Context, waiting func()) (unlock func(), err error)
	// Watch begins to note who else writes to the control file.
	Watch() (Watcher, error)
	// Apart calls f so that the addresses it handles leave no traces that scans find.
	Apart(f func())

	// Load loads a module, given as its file, and Unload unloads it.
	Load(ctx context.Context, file string) error
	Unload(ctx context.Context, file string) error
}

// A Watcher notes who writes to the control file, other than this process. Its
// methods must not be called at the same time.
type Watcher interface {
	// Others describes the writers since Watch or the last call, nil if there
	// were none.
	Others() []string
	Close()
}

// Of returns the machine behind a transport, or this one if t is nil. path is as for
// [Local].
func Of(t Transport, path string) Machine {
	if t != nil {
		return Remote(t, path)
	}
	return Local(path)
}

// Local returns the machine that this program runs on, or the one that was
// registered for path. path names the control file; "" means to look for it in every
// mounted debugfs.
func Local(path string) Machine {
	registered.Lock()
	defer registered.Unlock()
	if m := registered.machines[path]; m != nil {
		return m
	}
	return local{path: path}
}

// Register has [Local] return m for path until unregister is called.
func Register(path string, m Machine) (unregister func()) {
	registered.Lock()
	defer registered.Unlock()
	registered.machines[path] = m
	return func() {
		registered.Lock()
		defer registered.Unlock()
		delete(registered.machines, path)
	}
}

var registered = struct {
	sync.Mutex
	machines map[string]Machine
}{machines: make(map[string]Machine)}

// Probe reports whether kmemleak is on; nil means that it is. It waits for the end of
// a scan.
func Probe(ctx context.Context, m Machine) error {
	// No kernel knows this word as a command. The kernel tests whether kmemleak is on
	// before it looks at the word, so EINVAL means on.
	err := m.Command(ctx, "?")
	switch {
	case errors.Is(err, syscall.EINVAL):
		return nil
	case err == nil:
		return errors.New("the control file takes any word: it is not kmemleak's")
	}
	return err
}

// ModuleName returns the kernel's name for the module in a file.
func ModuleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// rcuBarrier is the parameter that makes the kernel wait for RCU's callbacks
// (do_rcu_barrier in kernel/rcu/tree.c; not in Linux 6.1).
const rcuBarrier = "/sys/module/rcutree/parameters/do_rcu_barrier"

// notMounted is the error where no debugfs could hold the control file.
func notMounted(where, remedy string) error {
	return fmt.Errorf("%w: debugfs is not mounted%s (try: mount -t debugfs none %s%s)", ErrUnavailable, where, standardDebugfs, remedy)
}
