// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package kerneltest simulates a kernel with kmemleak, for tests of programs that use
// package kmemleak. It runs on every operating system and needs no rights.
//
// The kernel has the objects that the test allocates, and reports them as Linux does:
// from the first scan that begins 5 s or more after the allocation and finds the
// object unreferenced and unchanged since an earlier scan. Time is that of package
// time. In a bubble of testing/synctest a search for leaks takes no real time:
//
//	func TestWatch(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			k := kerneltest.New(t) // in the bubble, for its clock
//			k.Alloc(kmemleak.Leak{Comm: "modprobe", Size: 128})
//			watch(t.Context(), k.Detector())
//			…
//		})
//	}
package kerneltest

import (
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
)

// HZ is the number of ticks in a second of a [Kernel].
const HZ = 250

// minAge is MSECS_MIN_AGE of mm/kmemleak.c.
const minAge = 5 * HZ // ticks

// A Kernel is a simulated kernel with kmemleak. It was booted an hour before [New].
// All methods may be called from several goroutines, and while a Detector drives the
// kernel, such as in the function of [kmemleak.WithProgress].
type Kernel struct {
	path   string
	bootID string
	busy   chan bool // holds a token while a command runs, like scan_mutex

	mu            sync.Mutex
	boot          time.Time
	allocated     int       // objects, including freed ones
	objects       []*object // not freed
	failures      map[Call]error
	modules       map[string][]kmemleak.Leak // by file
	loaded        []string                   // files
	commands      []string
	off           bool
	thread        bool // the automatic scan runs
	stopped       bool // by a search, as is noted
	stacks        bool // scans look at stacks
	scanTime      time.Duration
	minUnrefScans int
	sheafCapacity int
	scans         int // complete ones, the first is 1
	readings      int
	skip          func(reading, record int) bool
	locks         int // of other processes
	writers       []string
}

// object is a tracked object.
type object struct {
	leak       kmemleak.Leak
	referenced bool
	onStack    bool  // a pointer to it is on the stack of a task
	inSheaves  int   // how many turnovers it takes until SLUB has no pointer to it
	hidden     []int // scans that a stale pointer hides it from
	summed     bool  // a scan has computed its checksum
	white      bool  // the last scan found no reference
	unref      int   // scans in a row that found none
	reported   bool
	cleared    bool
}

// shown reports whether the report has the object.
func (o *object) shown() bool { return o.reported && o.white && !o.cleared }

// T is the part of [testing.TB] that New needs.
type T interface{ Cleanup(func()) }

var kernels atomic.Int64

// New boots a kernel that exists until t ends. With a nil t, for examples, it exists
// until the program ends.
func New(t T) *Kernel {
	n := kernels.Add(1)
	k := &Kernel{
		path:          fmt.Sprintf("kerneltest %d", n),
		bootID:        fmt.Sprintf("00000000-0000-4000-8000-%012x", n),
		busy:          make(chan bool, 1),
		boot:          time.Now().Add(-time.Hour),
		failures:      make(map[Call]error),
		modules:       make(map[string][]kmemleak.Leak),
		scanTime:      100 * time.Millisecond,
		minUnrefScans: 1,
		sheafCapacity: -1,
		stacks:        true,
	}
	unregister := machine.Register(k.path, driven{k})
	if t != nil {
		t.Cleanup(unregister)
	}
	return k
}

// Detector returns a Detector of the kernel. Its Path is not the name of a file.
func (k *Kernel) Detector() *kmemleak.Detector { return &kmemleak.Detector{Path: k.path} }

// Alloc allocates an object that nothing points to, and returns it as it will be
// reported. These fields of l have a default for zero: Addr, Size (64), Comm,
// Backtrace (a function lose of a module leaky), and Jiffies (the present tick). An
// object that is already at Addr is freed.
func (k *Kernel) Alloc(l kmemleak.Leak) kmemleak.Leak {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.alloc(l)
}

func (k *Kernel) alloc(l kmemleak.Leak) kmemleak.Leak {
	k.allocated++
	if l.Addr == 0 {
		l.Addr = 0xffff888000000000 + uint64(k.allocated)<<12
	}
	if l.Size == 0 {
		l.Size = 64
	}
	if l.Comm == "" {
		l.Comm = "kerneltest"
	}
	if l.Jiffies == 0 {
		l.Jiffies = k.jiffies()
	}
	if l.Backtrace == nil {
		l.Backtrace = []kmemleak.Frame{{Func: "lose", Offset: 0x10, Size: 0x20, Module: "leaky"}}
	}
	k.free(l.Addr)
	o := &object{leak: l}
	if k.sheafCapacity > 0 {
		o.inSheaves = 2 // Linux 7.3 kept some after one
	}
	k.objects = append(k.objects, o)
	return l
}

// Free frees the object at addr, if there is one.
func (k *Kernel) Free(addr uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.free(addr)
}

func (k *Kernel) free(addr uint64) {
	k.objects = slices.DeleteFunc(k.objects, func(o *object) bool { return o.leak.Addr == addr })
}

// Reference sets whether a pointer leads to the object at addr from now on. If so,
// the object is not a leak.
func (k *Kernel) Reference(addr uint64, on bool) {
	k.change(addr, func(o *object) { o.referenced = on })
}

// ReferenceFromStack sets whether a pointer on the stack of a task leads to the object at
// addr from now on. Then it is no leak, which scans do not know after stack=off.
func (k *Kernel) ReferenceFromStack(addr uint64, on bool) {
	k.change(addr, func(o *object) { o.onStack = on })
}

// HideFrom makes a stale pointer lead to the object at addr in these scans, counted
// from 1 since boot, and in no others.
func (k *Kernel) HideFrom(addr uint64, scans ...int) {
	k.change(addr, func(o *object) { o.hidden = scans })
}

func (k *Kernel) change(addr uint64, f func(*object)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if o := k.object(addr); o != nil {
		f(o)
	}
}

// object returns the object at addr, nil if there is none.
func (k *Kernel) object(addr uint64) *object {
	i := slices.IndexFunc(k.objects, func(o *object) bool { return o.leak.Addr == addr })
	if i < 0 {
		return nil
	}
	return k.objects[i]
}

// AddModule adds the file of a module to the machine. When the module is loaded, see
// [kmemleak.ProofOfLife], it loses these objects. A nil Backtrace means one of the
// initialization of modules.
func (k *Kernel) AddModule(file string, leaks ...kmemleak.Leak) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.modules[file] = leaks
}

func (k *Kernel) load(file string) error {
	leaks, ok := k.modules[file]
	if !ok {
		return &fs.PathError{Op: "load module", Path: file, Err: fs.ErrNotExist}
	}
	k.loaded = append(k.loaded, file)
	for _, l := range leaks {
		if l.Backtrace == nil {
			l.Backtrace = []kmemleak.Frame{{Func: "do_init_module", Offset: 0x10, Size: 0x20}}
		}
		k.alloc(l)
	}
	return nil
}

// Loaded returns the files of the modules that are loaded.
func (k *Kernel) Loaded() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.loaded)
}

// SetScanTime sets how long a scan takes; after boot it is 0.1 s.
func (k *Kernel) SetScanTime(d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.scanTime = d
}

// SetMinUnrefScans sets the kernel's parameter min_unref_scans: the number of scans
// in a row that must find an object unreferenced before it is reported. After boot it
// is 1.
func (k *Kernel) SetMinUnrefScans(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.minUnrefScans = n
}

// SetSheafCapacity sets how many objects the arrays of SLUB hold, as kernels since 7.0
// tell: 0 means that it has none. A negative number, as after boot, stands for an older
// kernel, which does not tell. What is allocated while there are arrays is hidden until a
// search has turned them over twice.
func (k *Kernel) SetSheafCapacity(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sheafCapacity = n
}

// SetSkip makes f decide which records are missing from a reading of the report, as
// records may be while objects are freed. Both count from 0. f must not use k; a nil
// f skips none.
func (k *Kernel) SetSkip(f func(reading, record int) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.skip = f
}

// HoldLock makes another process hold the machine's lock until release is called.
func (k *Kernel) HoldLock() (release func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.locks++
	return sync.OnceFunc(func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.locks--
	})
}

// KillSearch leaves behind what a search of another process leaves that is killed: the
// automatic scan is off, and it is noted that a search has stopped it.
func (k *Kernel) KillSearch() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.thread, k.stopped = false, true
}

// Write makes another process write a command to the control file, such as "clear",
// "off", "scan" or "scan=on". It takes no time, even during a scan. Watchers of the
// file note writer, such as process 7 ("sh"); if it is "", they do not notice the
// write. The error matches [kmemleak.ErrDisabled] after "off", and [syscall.EINVAL]
// for an unknown command.
func (k *Kernel) Write(command, writer string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.command(command)
	if err == nil && writer != "" {
		k.writers = append(k.writers, writer)
	}
	return err
}

// AutoScan reports whether the automatic scan is on; after boot it is off. It makes
// no scans: use Write to make one.
func (k *Kernel) AutoScan() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.thread
}

// Commands returns the commands that Detectors have written to the control file since
// boot, in order, without probes and without commands that failed.
func (k *Kernel) Commands() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.commands)
}

// Scans returns the number of complete scans since boot.
func (k *Kernel) Scans() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.scans
}

// A Call is a kind of request to the kernel, which may fail.
type Call uint8

// Requests that Detectors make.
const (
	Probe    Call = iota // whether kmemleak is on; other methods begin or end with it
	Scan                 // one scan
	Command              // any other command
	Report               // opening the report
	Dump                 // asking for one object
	Jiffies              // reading the tick counter
	AutoScan             // asking whether the automatic scan runs
	Lock                 // taking the machine's lock
	Watch                // noting who else writes to the control file
	Load                 // loading a module
	Unload               // unloading it
	Setting              // reading min_unref_scans and the like; older kernels have none: fs.ErrNotExist
)

// Fail makes calls of that kind fail with err, until Fail is called with nil. Usual
// errors are [kmemleak.ErrUnavailable], [kmemleak.ErrDisabled] and
// [fs.ErrPermission].
func (k *Kernel) Fail(c Call, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failures[c] = err
}
