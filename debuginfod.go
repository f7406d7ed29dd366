// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"time"

	"github.com/kmemleak/kmemleak/internal/resolve"
)

// Debuginfod is what a [Symbolizer] loads files with that are not on this machine:
// servers that have debugging information by build ID, as distributions run them
// (https://sourceware.org/elfutils/Debuginfod.html). The zero value loads nothing,
// whatever the environment says.
//
// A module's build ID comes from its frame, from [Symbolizer.Modules], from the
// running kernel or from a stripped file that was found; where there is none, nothing
// can be asked for. Only the kernel image and modules that frames are of are loaded.
// What was loaded must have the build ID.
//
// Files are kept in the folder of elfutils' clients, such as gdb and perf, and shared
// with them: $DEBUGINFOD_CACHE_PATH, or debuginfod_client in $XDG_CACHE_HOME or
// ~/.cache. A server's answer that it does not have a file is believed for ten
// minutes, and a server that does not answer is left alone for as long.
//
// Resolving a frame takes as long as loading what it needs, which the limits bound:
// each counts for one file. [Symbolizer.Prefetch] can be ended.
type Debuginfod struct {
	URLs    []string      // servers, such as "https://debuginfod.debian.net", asked in this order; none: nothing is loaded
	MaxSize int64         // bytes; 0: 4 GiB
	MaxTime time.Duration // 0: an hour
	Timeout time.Duration // for each 100 KiB, and for the first answer; 0: 90 seconds
	Retries int           // after failures other than "not found"; 0: 2; negative: none

	// Progress is told, about ten times a second, how many bytes have come of how
	// many, -1 if that is not known. An error ends the loading and is part of that of
	// the frame. It may be called by several goroutines at once. nil: nobody is told.
	Progress func(url string, done, total int64) error
}

// EnvironmentDebuginfod returns what the environment asks for, by the variables of
// debuginfod-client-config(7), which is what a [Symbolizer] without a Debuginfod uses;
// nil if $DEBUGINFOD_URLS is not set.
func EnvironmentDebuginfod() *Debuginfod {
	d := resolve.EnvironmentServer()
	if d == nil {
		return nil
	}
	return &Debuginfod{URLs: d.URLs, MaxSize: d.MaxSize, MaxTime: d.MaxTime, Timeout: d.Timeout, Retries: d.Retries}
}

// client returns what does it, nil if nothing is to be loaded.
func (d *Debuginfod) client() *resolve.Server {
	if len(d.URLs) == 0 {
		return nil
	}
	return &resolve.Server{URLs: d.URLs, MaxSize: d.MaxSize, MaxTime: d.MaxTime, Timeout: d.Timeout, Retries: d.Retries, Progress: d.Progress}
}
