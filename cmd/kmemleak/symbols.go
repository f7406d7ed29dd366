// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"os"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/stackkey"
)

// symbols is the source of the source lines.
type symbols struct {
	dirs, sources     list
	release, snapshot string
}

const symbolsText = `Source lines come from debugging information. It is looked for in the files
(.ko, vmlinux, .debug) and folders that -dir names, and where it is installed.
Source files are looked for in the kernel trees that -source names; -source
old=new means that what was built in the folder old is now in the folder new.`

// define defines the flags for the kernel of this machine.
func (s *symbols) define(flags *flag.FlagSet) {
	flags.Var(&s.dirs, "dir", "search this `folder` or file for debugging information (repeatable)")
	flags.Var(&s.sources, "source", "where source files are: `tree|old=new` (repeatable)")
}

// defineElsewhere defines the flags for a kernel that may be another one.
func (s *symbols) defineElsewhere(flags *flag.FlagSet) {
	s.define(flags)
	flags.StringVar(&s.release, "release", "", "`release` of the kernel (uname -r), if it is not that of the snapshot or this machine")
	flags.StringVar(&s.snapshot, "snapshot", "", "`file` from kmemleak snapshot, to resolve bare addresses")
}

// symbolizer returns a Symbolizer as the flags say. The caller must close it.
func (s *symbols) symbolizer(std stdio) (*kmemleak.Symbolizer, error) {
	made := &kmemleak.Symbolizer{Dirs: s.dirs, Release: s.release, Debuginfod: debuginfod(std)}
	// Without these checks, a path that does not exist, or is no object file, would find
	// nothing and cause no error.
	for _, name := range s.dirs {
		if err := debugfile.Check(name); err != nil {
			return nil, fmt.Errorf("-dir: %w", err)
		}
	}
	for _, source := range s.sources {
		name := source
		if before, after, ok := strings.Cut(source, "="); ok {
			made.Paths = append(made.Paths, kmemleak.PathPrefix{Old: before, New: after})
			name = after
		} else {
			made.Sources = append(made.Sources, source)
		}
		if _, err := os.Stat(name); err != nil {
			return nil, fmt.Errorf("-source: %w", err)
		}
	}
	if s.snapshot != "" {
		snapshot, err := readSnapshot(s.snapshot)
		if err != nil {
			return nil, err
		}
		made.Modules = snapshot.Modules
		made.Release = cmp.Or(made.Release, snapshot.Release)
	}
	return made, nil
}

// debuginfod returns the client that the environment configures, with progress.
func debuginfod(std stdio) *kmemleak.Debuginfod {
	d := kmemleak.EnvironmentDebuginfod()
	if d == nil {
		return nil
	}
	d.Progress = func(from string, done, total int64) error {
		if _, rest, ok := strings.Cut(from, "://"); ok { // the host, and not the password before it
			from, _, _ = strings.Cut(rest, "/")
			from = from[strings.LastIndexByte(from, '@')+1:]
		}
		std.progress.detail("loading from %s, %d of %d MB", from, done>>20, max(total, done)>>20)
		return nil
	}
	return d
}

// lookUp makes a Symbolizer look up everything that it will be asked for, while progress
// can still be shown: it may have to unpack large files, or to download them. The first
// signal that asks the program to end ends the download. The Symbolizer to use is then one
// that downloads nothing, and the error says so.
func lookUp(ctx context.Context, std stdio, s *kmemleak.Symbolizer, leaks []kmemleak.Leak) (*kmemleak.Symbolizer, error) {
	defer std.progress.clear()
	std.progress.set("looking for source lines")
	ctx, stop := untilInterrupted(ctx)
	err := s.Prefetch(ctx, backtraces(leaks))
	stop()
	if err != nil {
		err = fmt.Errorf("not all debugging information was loaded: %w", err)
		s = &kmemleak.Symbolizer{
			Release: s.Release, Dirs: s.Dirs, Modules: s.Modules, Sources: s.Sources, Paths: s.Paths, Debuginfod: new(kmemleak.Debuginfod),
		}
	}
	for bt := range backtraces(leaks) {
		s.Backtrace(bt)
	}
	return s, err
}

// backtraces yields those of leaks, once if leaks of one place share it.
func backtraces(leaks []kmemleak.Leak) iter.Seq[[]kmemleak.Frame] {
	return func(yield func([]kmemleak.Frame) bool) {
		done := make(map[stackkey.Key[kmemleak.Frame, kmemleak.Call]]bool)
		for _, l := range leaks {
			key := stackkey.Of(l.Backtrace, l.Calls)
			if !done[key] && !yield(l.Backtrace) {
				return
			}
			done[key] = true
		}
	}
}

// readSnapshot reads a snapshot, or a list of modules alone.
func readSnapshot(name string) (snapshot kmemleak.Snapshot, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return snapshot, err
	}
	if err := json.Unmarshal(b, &snapshot); err != nil {
		return snapshot, fmt.Errorf("-snapshot %s: kmemleak snapshot has not written this: %w", name, err)
	}
	return snapshot, nil
}

// procAllocinfo is where kernels say what is allocated.
const procAllocinfo = "/proc/allocinfo"

// release returns that of this machine's kernel, "" if it is not known.
func release() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
