// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kerneltest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing/fstest"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
)

// driven is a Kernel as package kmemleak drives it.
type driven struct{ k *Kernel }

// enter locks the kernel's state, which leave unlocks. It returns the error if the
// call must fail.
func (d driven) enter(ctx context.Context, c Call) (leave func(), err error) {
	d.k.mu.Lock()
	if err := cmp.Or(d.k.failures[c], context.Cause(ctx)); err != nil {
		d.k.mu.Unlock()
		return nil, err
	}
	return d.k.mu.Unlock, nil
}

// begin waits until no command runs.
func (d driven) begin(ctx context.Context) (end func(), err error) {
	select {
	case d.k.busy <- true:
		return func() { <-d.k.busy }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (d driven) Command(ctx context.Context, word string) error {
	end, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	call := Command
	if word == "?" {
		call = Probe
	}
	leave, err := d.enter(ctx, call)
	if err != nil {
		return err
	}
	defer leave()
	if err := d.k.command(word); err != nil {
		return err
	}
	d.k.commands = append(d.k.commands, word)
	return nil
}

// command does what kmemleak_write does.
func (k *Kernel) command(word string) error {
	if k.off && word != "clear" {
		return fmt.Errorf("%w: by the command %q", kmemleak.ErrDisabled, "off")
	}
	period, isPeriod := strings.CutPrefix(word, "scan=")
	seconds, err := strconv.ParseUint(period, 10, 32)
	switch {
	case word == "off":
		k.off, k.thread = true, false
	case word == "scan":
		k.scan(k.jiffies())
	case word == "clear":
		for _, o := range k.objects {
			o.cleared = o.cleared || o.shown()
		}
	case word == "scan=on", isPeriod && err == nil && seconds > 0:
		k.thread = true
	case word == "scan=off", isPeriod && err == nil:
		k.thread = false
	case word == "stack=on", word == "stack=off":
		k.stacks = word == "stack=on"
	default:
		return syscall.EINVAL
	}
	return nil
}

// scan makes a scan that began at the tick start, as kmemleak_scan does.
func (k *Kernel) scan(start uint64) {
	k.scans++
	for _, o := range k.objects {
		o.white = !o.referenced && o.inSheaves == 0 && !(o.onStack && k.stacks) && !o.cleared && !slices.Contains(o.hidden, k.scans)
		switch {
		case !o.white:
			o.unref = 0
		case !o.summed: // it counts as referenced once
			o.summed, o.white = true, false
		case start-o.leak.Jiffies >= minAge:
			o.unref++
			o.reported = o.reported || o.unref >= k.minUnrefScans
		}
	}
}

func (d driven) Scan(ctx context.Context) error {
	if err := d.scan(ctx); err != nil {
		return err
	}
	return machine.Probe(ctx, d)
}

func (d driven) scan(ctx context.Context) error {
	end, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	leave, err := d.enter(ctx, Scan)
	if err != nil {
		return err
	}
	if err := d.k.command("?"); err != syscall.EINVAL {
		leave()
		return err
	}
	start, took := d.k.jiffies(), d.k.scanTime
	leave()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(took):
	}
	if leave, err = d.enter(ctx, Scan); err != nil {
		return err
	}
	defer leave()
	d.k.commands = append(d.k.commands, "scan")
	d.k.scan(start)
	return nil
}

func (d driven) Open(ctx context.Context) (io.ReadCloser, error) {
	leave, err := d.enter(ctx, Report)
	if err != nil {
		return nil, err
	}
	defer leave()
	var b strings.Builder
	record := 0
	for _, o := range d.k.objects {
		if !o.shown() {
			continue
		}
		if d.k.skip == nil || !d.k.skip(d.k.readings, record) {
			b.WriteString(o.leak.String())
		}
		record++
	}
	d.k.readings++
	return io.NopCloser(strings.NewReader(b.String())), nil
}

// Dump logs what dump_object_info does.
func (d driven) Dump(ctx context.Context, addr uint64) (records []machine.LogRecord, err error) {
	leave, err := d.enter(ctx, Dump)
	if err != nil {
		return nil, err
	}
	defer leave()
	if d.k.off {
		return nil, d.k.command("dump")
	}
	o := d.k.object(addr)
	if o == nil {
		return nil, machine.ErrNoObject
	}
	minCount, count, flags := 1, 1, 1 // OBJECT_ALLOCATED
	if o.white {
		count = 0
	}
	if o.cleared {
		minCount = 0
	}
	if o.reported {
		flags |= 2 // OBJECT_REPORTED
	}
	var checksum kmemleak.Checksum
	if o.leak.Checksum != nil {
		checksum = *o.leak.Checksum
	}
	lines := []string{
		fmt.Sprintf("Object 0x%x (size %d):", addr, o.leak.Size),
		fmt.Sprintf("  comm \"%s\", pid %d, jiffies %d", o.leak.Comm, o.leak.PID, o.leak.Jiffies),
		fmt.Sprintf("  min_count = %d", minCount),
		fmt.Sprintf("  count = %d", count),
		fmt.Sprintf("  flags = 0x%x", flags),
		fmt.Sprintf("  checksum = %d", checksum),
		"  backtrace:",
	}
	for _, line := range lines {
		records = append(records, machine.LogRecord{Text: machine.LogPrefix + line})
	}
	for _, f := range o.leak.Backtrace {
		records = append(records, machine.LogRecord{Text: "    " + f.String()})
	}
	return records, nil
}

// jiffies starts 300 s before its lower 32 bits overflow, as in Linux.
func (k *Kernel) jiffies() uint64 {
	return 1<<32 - 300*HZ + uint64(time.Since(k.boot)*HZ/time.Second)
}

func (d driven) Jiffies(ctx context.Context) (uint64, error) {
	leave, err := d.enter(ctx, Jiffies)
	if err != nil {
		return 0, err
	}
	defer leave()
	return d.k.jiffies(), nil
}

// Setting returns the settings that this module reads of machines.
func (d driven) Setting(ctx context.Context, name string) (string, error) {
	leave, err := d.enter(ctx, Setting)
	if err != nil {
		return "", err
	}
	defer leave()
	uptime := time.Since(d.k.boot)
	switch path.Base(name) {
	case "min_unref_scans":
		return strconv.Itoa(d.k.minUnrefScans), nil
	case "sheaf_capacity":
		// Kernels for large cache lines have no kmalloc-64.
		if d.k.sheafCapacity >= 0 && path.Base(path.Dir(name)) == "kmalloc-1k" {
			return strconv.Itoa(d.k.sheafCapacity), nil
		}
	case "boot_id":
		return d.k.bootID, nil
	case "osrelease":
		return "6.12.0-kerneltest", nil
	case "timer_list":
		return fmt.Sprintf("now at %d nsecs\njiffies: %d", uptime.Nanoseconds(), d.k.jiffies()), nil
	case "uptime":
		return fmt.Sprintf("%.2f 0.00", uptime.Seconds()), nil
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Modules returns no modules: what is loaded here is not in memory anywhere.
func (d driven) Modules(context.Context) (fs.FS, error) {
	return fstest.MapFS{"proc/modules": new(fstest.MapFile)}, nil
}

func (d driven) TurnOver(context.Context) {}

func (d driven) TurnOverSheaves(ctx context.Context) error {
	return machine.TurnOverSheaves(ctx, d, func(context.Context) error {
		d.k.mu.Lock()
		defer d.k.mu.Unlock()
		for _, o := range d.k.objects {
			o.inSheaves = max(o.inSheaves-1, 0)
		}
		return nil
	})
}

func (d driven) Barrier(context.Context) {}

func (d driven) ScanThread(ctx context.Context) (bool, error) {
	leave, err := d.enter(ctx, AutoScan)
	if err != nil {
		return false, err
	}
	defer leave()
	return d.k.thread, nil
}

func (d driven) NoteStopped(stopped bool) {
	d.k.mu.Lock()
	defer d.k.mu.Unlock()
	d.k.stopped = stopped
}

func (d driven) WasStopped() bool {
	d.k.mu.Lock()
	defer d.k.mu.Unlock()
	return d.k.stopped
}

func (d driven) Lock(ctx context.Context, waiting func()) (func(), error) {
	for first := true; ; first = false {
		leave, err := d.enter(ctx, Lock)
		if err != nil {
			return nil, err
		}
		free := d.k.locks == 0
		leave()
		if free {
			return func() {}, nil
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (d driven) Watch() (machine.Watcher, error) {
	leave, err := d.enter(context.Background(), Watch)
	if err != nil {
		return nil, err
	}
	defer leave()
	return &watcher{k: d.k, from: len(d.k.writers)}, nil
}

// watcher returns all writers from an index on.
type watcher struct {
	k    *Kernel
	from int
}

func (w *watcher) Others() []string {
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	others := slices.Clone(w.k.writers[w.from:])
	w.from = len(w.k.writers)
	return others
}

func (w *watcher) Close() {}

func (d driven) Apart(f func()) { f() }

func (d driven) Load(ctx context.Context, file string) error {
	leave, err := d.enter(ctx, Load)
	if err != nil {
		return err
	}
	defer leave()
	return d.k.load(file)
}

func (d driven) Unload(ctx context.Context, file string) error {
	leave, err := d.enter(ctx, Unload)
	if err != nil {
		return err
	}
	defer leave()
	d.k.loaded = slices.DeleteFunc(d.k.loaded, func(f string) bool { return f == file })
	return nil
}
