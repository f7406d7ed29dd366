// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"time"

	"github.com/kmemleak/kmemleak/internal/resolve"
)

// Debuginfod configures the servers from which a [Symbolizer] downloads files that
// are not on this machine. The servers have debugging information by build ID;
// distributions run them (https://sourceware.org/elfutils/Debuginfod.html). The zero
// value downloads nothing, whatever the environment says.
//
// A module's build ID comes from its frame, from [Symbolizer.Modules], from the
// running kernel or from a stripped file that was found. Without a build ID nothing
// is downloaded. Only the kernel image and modules that frames belong to are
// downloaded. A downloaded file must have the build ID.
//
// Files are kept in the folder of elfutils' clients, such as gdb and perf, and shared
// with them: $DEBUGINFOD_CACHE_PATH, or debuginfod_client in $XDG_CACHE_HOME or
// ~/.cache. If a server does not have a file, it is not asked for it again for ten
// minutes. A server that does not answer is not asked for anything for as long.
//
// Resolving a frame takes as long as downloading what it needs. The limits bound
// that; each is for one file. The context of [Symbolizer.Prefetch] can end it.
type Debuginfod struct {
	URLs    []string      // servers, such as "https://debuginfod.debian.net", asked in this order; if empty, nothing is downloaded
	MaxSize int64         // bytes; 0 means 4 GiB
	MaxTime time.Duration // 0 means an hour
	Timeout time.Duration // for each 100 KiB, and for the first answer; 0 means 90 seconds
	Retries int           // after failures other than "not found"; 0 means 2, a negative number none

	// Progress, if not nil, is called about ten times a second with the number of
	// bytes received and their total, -1 if that is not known. If it returns an
	// error, the download ends, and the error is part of that of the frame. It may be
	// called by several goroutines at once.
	Progress func(url string, done, total int64) error
}

// EnvironmentDebuginfod returns the configuration in the environment, by the
// variables of debuginfod-client-config(7); nil if $DEBUGINFOD_URLS is not set. A
// [Symbolizer] without a Debuginfod uses it.
func EnvironmentDebuginfod() *Debuginfod {
	d := resolve.EnvironmentServer()
	if d == nil {
		return nil
	}
	return &Debuginfod{URLs: d.URLs, MaxSize: d.MaxSize, MaxTime: d.MaxTime, Timeout: d.Timeout, Retries: d.Retries}
}

// client returns the client, nil if nothing is to be downloaded.
func (d *Debuginfod) client() *resolve.Server {
	if len(d.URLs) == 0 {
		return nil
	}
	return &resolve.Server{URLs: d.URLs, MaxSize: d.MaxSize, MaxTime: d.MaxTime, Timeout: d.Timeout, Retries: d.Retries, Progress: d.Progress}
}
