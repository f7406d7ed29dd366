// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package leakstatus says whether leaks can be looked for on a machine, how its kmemleak is
// set, and what to do next.
package leakstatus

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
)

// A Status is what is known of a kernel's kmemleak. It changes nothing to find it out.
type Status struct {
	Release string // of the kernel; "" if not known
	Problem error  // of [kmemleak.Detector.Probe]; nil: leaks can be looked for

	CommandLine []string          // words about kmemleak of the kernel's command line
	Config      map[string]string // the kernel's options that are set; nil if not known
	ConfigFile  string            // that says so

	// Settings is each setting of kmemleak with its value, or why it is not known, in an
	// order for people.
	Settings []Setting

	Reported  int    // leaks that the kernel reports now, of earlier scans
	Bytes     uint64 // a sum that 64 bits do not hold is the largest number
	ReportErr error  // why there may be more

	Writers   []string // who else wrote to the control file while Look was at work
	WatchErr  error    // why that is not known
	Searching bool     // another process is looking for leaks with this module
}

// A Setting is a setting of kmemleak.
type Setting struct {
	Name  string
	Value string
	Note  string // what it means, "" if that is plain
}

// sheaves is the name of the setting for arrays of pointers in which SLUB keeps objects to
// be handed out, since Linux 7.0. It does not clear those of objects that are in use.
const sheaves = "slab sheaves"

// Look returns the status of d's kernel. It takes the time of a probe, which waits for the
// end of a scan, and about patience more, in which it watches who else drives kmemleak.
func Look(ctx context.Context, d *kmemleak.Detector, patience time.Duration) *Status {
	m := machine.Of(d.Transport, d.Path)
	s := new(Status)
	s.Release, _ = m.Setting(ctx, "/proc/sys/kernel/osrelease")
	words, _ := m.Setting(ctx, "/proc/cmdline")
	for _, w := range strings.Fields(words) {
		if strings.Contains(w, "kmemleak") || strings.HasPrefix(w, "debugfs=") || strings.HasPrefix(w, "init_on_alloc=") {
			s.CommandLine = append(s.CommandLine, w)
		}
	}
	s.Config, s.ConfigFile = machine.Config(ctx, m)
	var watcher machine.Watcher
	if watcher, s.WatchErr = m.Watch(); s.WatchErr == nil {
		defer watcher.Close()
	}
	if s.Problem = d.Probe(); s.Problem != nil {
		return s
	}
	s.settings(ctx, m)
	for l, err := range d.Leaks() {
		if err != nil {
			s.ReportErr = err
			break
		}
		s.Reported += l.Objects()
		if s.Bytes += l.Bytes(); s.Bytes < l.Bytes() {
			s.Bytes = math.MaxUint64
		}
	}
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if unlock, err := m.Lock(short, func() { s.Searching = true }); err == nil {
		unlock()
	}
	<-short.Done()
	if watcher != nil {
		s.Writers = slices.Compact(watcher.Others())
	}
	return s
}

// settings reads the settings.
func (s *Status) settings(ctx context.Context, m machine.Machine) {
	add := func(name, value, note string) { s.Settings = append(s.Settings, Setting{name, value, note}) }
	running, err := m.ScanThread(ctx)
	switch {
	case err != nil:
		add("automatic scan", "not known", err.Error())
	case running:
		add("automatic scan", "on", "the kernel scans by itself, every 10 minutes unless it was told otherwise; a search stops that meanwhile")
	case m.WasStopped():
		add("automatic scan", "off", "a search that was killed stopped it; the next one starts it again, and so does kmemleak auto 10m")
	default:
		add("automatic scan", "off", "kmemleak auto 10m switches it on")
	}
	add("stack scan", "not known", "the kernel does not tell; a search switches it on")
	n, err := m.Setting(ctx, "/sys/module/kmemleak/parameters/min_unref_scans")
	if err == nil {
		scans, bad := strconv.Atoi(n)
		note := ""
		if bad == nil && scans > 1 {
			note = fmt.Sprintf("a search takes %d scans for that", 3*scans+1)
		}
		add("min_unref_scans", n, note)
	}
	if verbose, err := m.Setting(ctx, "/sys/module/kmemleak/parameters/verbose"); err == nil {
		note := "new leaks are not printed to the kernel's log, only their number"
		if verbose == "Y" || verbose == "1" {
			note = "new leaks are printed to the kernel's log"
		}
		add("verbose", verbose, note)
	}
	if capacity, err := m.Setting(ctx, machine.Sheaves); err == nil {
		note := ""
		if capacity != "0" {
			note = "SLUB points to what it allocated last, which hides leaks"
		}
		add(sheaves, capacity, note)
	}
	if pool := s.Config["CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE"]; pool != "" {
		add("pool", pool, "objects that early boot and shortages of memory may take; kmemleak switches itself off when it is used up")
	}
	if s.Config != nil && s.Config["CONFIG_DEBUG_KMEMLEAK_AUTO_SCAN"] != "y" {
		add("automatic scan at boot", "off", "built without CONFIG_DEBUG_KMEMLEAK_AUTO_SCAN")
	}
}
