// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"github.com/kmemleak/kmemleak/internal/machine"
)

// A Detector talks to the kernel's kmemleak through its control file in debugfs.
//
// The zero value finds the file. All methods may be called from several goroutines.
// Commands are sent one at a time, even by different Detectors in the process,
// because the kernel can deadlock when a command that stops the scanning thread waits
// behind a scan (kmemleak_write and stop_scan_thread in mm/kmemleak.c).
//
// If there is no kmemleak to talk to, methods return an error that matches
// [ErrUnavailable] or [ErrDisabled]; if the caller may not use it, one that matches
// [io/fs.ErrPermission]. The text names the cause and the remedy. Only Linux has
// kmemleak: elsewhere every method returns [ErrUnavailable], unless the Detector
// drives another machine.
type Detector struct {
	// Path is the control file. "" means to look for it in every mounted debugfs that
	// /proc/self/mountinfo lists.
	Path string

	// Transport reaches the kernel of another machine; nil means this machine.
	Transport Transport
}

// A Transport runs shell scripts on another machine, over ssh, adb, a serial console
// or something else. A Detector with a [Detector.Transport] drives that machine's
// kernel, from any operating system.
//
// The machine needs a POSIX shell with cat and sed, and dmesg for [Detector.Dump];
// busybox has them all. The machine is not locked, and other writers to its control
// file are not detected: nobody else should drive it.
type Transport interface {
	// Run runs a script of one line in root's shell on the machine, copies its
	// standard output to stdout, and returns when it has ended. Its exit status does
	// not matter. An error means that it did not run, or not to its end. When ctx
	// ends, Run returns ctx's error; what the script has started may continue on the
	// machine.
	//
	// Other lines, such as messages of the kernel on a console, may come between
	// those of the script, and carriage returns before line ends. Calls do not
	// overlap.
	Run(ctx context.Context, script string, stdout io.Writer) error
}

// machine returns the machine that d drives.
func (d *Detector) machine() machine.Machine { return machine.Of(d.Transport, d.Path) }

// command sends the kernel one command. Commands without a context take no time.
func (d *Detector) command(word string) error {
	return d.machine().Command(context.Background(), word)
}

// failed adds what was done to an error; nil stays nil.
func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// probe is Probe without a prefix to its error.
func (d *Detector) probe() error { return machine.Probe(context.Background(), d.machine()) }

// Probe reports whether kmemleak can detect leaks now; nil means that it can. It
// changes nothing, and waits for the end of a scan.
//
// kmemleak can switch itself off at any time, when it runs out of memory. So a report
// can be trusted only if a later Probe succeeds. [Detector.Scan] and [Detector.Leaks]
// end with a Probe.
func (d *Detector) Probe() error {
	return failed("probe", d.probe())
}

// Scan searches all memory once for objects that nothing points to, and returns
// when the search is complete: after 0.1 s on a small virtual machine, minutes on
// a large one. It blocks an operating system thread for that long.
//
// One scan does not find a fresh leak. An object is reported by the first scan
// that starts 5 s or more after its allocation and finds it unreferenced and
// with the checksum that an earlier scan computed (MSECS_MIN_AGE and
// update_checksum in mm/kmemleak.c). So wait, then scan twice.
//
// The kernel ends a scan early, and reports success, when a signal is pending for the
// scanning thread. Scan therefore blocks all signals of its thread but one. If the
// process is stopped (by SIGSTOP, or job control), the scan is lost all the same.
// Scan notices this when the process continues, and scans again; it fails only if
// that never ends. Nothing in user space can notice that a debugger attaches, or that
// a control group is frozen, in the middle of a scan.
//
// When ctx ends, Scan makes the kernel end the scan, by that one signal, and returns
// the cause within 0.1 s. Such a scan reports nothing. On another machine the scan
// continues.
func (d *Detector) Scan(ctx context.Context) error {
	return failed("scan", d.machine().Scan(ctx))
}

// Clear makes the kernel forget the leaks that it reports now: they are never
// reported again, and what they point to counts as referenced. Objects that are lost
// but not yet reported, because they are too young or were scanned only once, are not
// forgotten; they appear in later reports.
func (d *Detector) Clear() error {
	// The kernel accepts this command when kmemleak is off, too (since 3.15), and
	// then frees its data: success would say nothing.
	err := d.probe()
	if err == nil {
		err = d.command("clear")
	}
	return failed("clear", err)
}

// Leaks returns the leaks in the current report, in the order of the allocations. It
// does not scan. Each use of the iterator reads the report anew.
//
// Errors come with the zero Leak, except that a [*ParseError] may come with the part
// of the damaged record that was read. After the last leak Leaks probes: an empty
// report without an error means that kmemleak is on and reports nothing.
func (d *Detector) Leaks() iter.Seq2[Leak, error] {
	return func(yield func(Leak, error) bool) {
		file, err := d.machine().Open(context.Background())
		if err != nil {
			yield(Leak{}, fmt.Errorf("report: %w", err))
			return
		}
		defer file.Close()
		for leak, err := range ParseSeq(file) {
			if !yield(leak, err) {
				return
			}
		}
		if err := d.probe(); err != nil {
			yield(Leak{}, fmt.Errorf("report: cannot tell whether it is complete: %w", err))
		}
	}
}

// SetAutoScan sets how long the kernel's own scanning thread sleeps between two
// scans, and starts the thread if it does not run; 0 stops it. Periods are rounded up
// to whole seconds. A period below 0 or above 4,294,967 s, the limit of the kernel's
// 32 bits of milliseconds, is an error.
//
// The thread is on after boot unless the kernel was built without
// CONFIG_DEBUG_KMEMLEAK_AUTO_SCAN. Neither its state nor its period can be read
// back from the control file.
func (d *Detector) SetAutoScan(period time.Duration) error {
	const limit = math.MaxUint32 / 1000 * time.Second
	var err error
	switch {
	case period < 0 || period > limit:
		err = fmt.Errorf("period %v is not between 0 and %v", period, limit)
	case period == 0:
		err = d.command("scan=off")
	default:
		seconds := (period + time.Second - 1) / time.Second
		err = d.command(fmt.Sprintf("scan=%d", seconds))
	}
	if err != nil {
		return fmt.Errorf("set automatic scan: %w", err)
	}
	d.machine().NoteStopped(false) // what a search that was killed had noted is out of date
	return nil
}

// SetStackScan sets whether scans also look for pointers on the stacks of all tasks,
// as they do after boot and after [Detector.Find]. Without the stacks more objects are
// reported, some of them wrongly: those that only a running function points to.
func (d *Detector) SetStackScan(on bool) error {
	command := "stack=off"
	if on {
		command = "stack=on"
	}
	return failed("set stack scan", d.command(command))
}

// Dump returns what the kernel knows about the object at addr, leaked or not. The
// kernel answers in its log, which Dump reads from /dev/kmsg.
//
// addr is the address of an object as in [Leak.Addr]; kernels since 6.15 accept any
// address inside the object. If the kernel knows no object there, the error matches
// [io/fs.ErrNotExist].
func (d *Detector) Dump(addr uint64) (Object, error) {
	object, err := dumpObject(context.Background(), d.machine(), addr)
	return object, failed(fmt.Sprintf("dump 0x%x", addr), err)
}

// Disable switches kmemleak off until the next boot. It cannot be switched on again.
// The leaks reported so far may stay readable, with [ErrDisabled] after them.
func (d *Detector) Disable() error {
	return failed("disable", d.command("off"))
}

// Jiffies reads the kernel's tick counter, with which [Leak.Jiffies] is to be
// compared. It takes root: the counter is in /proc/timer_list.
//
// The counter starts 300 s before its lower 32 bits overflow. On 32-bit kernels
// it then begins anew from 0, so that later does not always mean greater: see
// [Window].
func (d *Detector) Jiffies() (uint64, error) {
	now, err := d.machine().Jiffies(context.Background())
	if err != nil {
		return 0, fmt.Errorf("read jiffies: %w", err)
	}
	return now, nil
}

// Mark waits for the kernel's next tick, 10 ms at most on a running system, and
// returns its number: what was allocated before the call has other [Leak.Jiffies],
// what is allocated after it has these or later ones. It begins a [Window]. On this
// machine it also sees to it that stale pointers of the slab allocator hide less of that,
// by 13 sockets for each processor that stay open up to the next scan.
func (d *Detector) Mark() (uint64, error) {
	now, err := machine.Mark(context.Background(), d.machine())
	if err != nil {
		return 0, fmt.Errorf("read jiffies: %w", err)
	}
	return now, nil
}

// Snapshot returns where the modules of the kernel are in memory, from /proc/modules and
// /sys/module, and its release. It needs root, but no kmemleak: the kernel shows other
// users zeros for addresses. They get the modules without Sections, and an error that
// matches [io/fs.ErrPermission]. A kernel that was built without modules has none, which is
// no error.
func (d *Detector) Snapshot() (Snapshot, error) {
	ctx, m := context.Background(), d.machine()
	s := Snapshot{Version: snapshotVersion}
	root, err := m.Modules(ctx)
	if err == nil {
		s.Modules, err = loadedModules(root)
	}
	release, unknown := m.Setting(ctx, "/proc/sys/kernel/osrelease")
	s.Release = release
	return s, cmp.Or(err, unknown)
}

// MountDebugfs mounts debugfs on the folder dir; "" means /sys/kernel/debug, the
// folder that the kernel makes for it. It returns nil if debugfs is mounted there
// already. The error matches [ErrUnavailable] if the kernel has no debugfs, and
// [io/fs.ErrPermission] if the caller does not have CAP_SYS_ADMIN.
func MountDebugfs(dir string) error {
	return machine.MountDebugfs(dir)
}
