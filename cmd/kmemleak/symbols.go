// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/debugfile"
)

// symbols is where source lines come from.
type symbols struct {
	dirs, sources     list
	release, snapshot string
}

const symbolsText = `Source lines come from debugging information: from what -dir names, which are
files (.ko, vmlinux, .debug) and folders that hold such, and from the places
where it is installed. The source files themselves are looked for in the
kernel trees that -source names; -source old=new says that what was built in
the folder old is in the folder new now.`

// define defines the flags for the kernel of this machine.
func (s *symbols) define(flags *flag.FlagSet) {
	flags.Var(&s.dirs, "dir", "search this `folder` or file for debugging information (repeatable)")
	flags.Var(&s.sources, "source", "where source files are: `tree|old=new` (repeatable)")
}

// defineElsewhere defines the flags for a kernel that may be another one.
func (s *symbols) defineElsewhere(flags *flag.FlagSet) {
	s.define(flags)
	flags.StringVar(&s.release, "release", "", "`release` of the kernel (uname -r), if not the snapshot's or this one's")
	flags.StringVar(&s.snapshot, "snapshot", "", "`file` of kmemleak snapshot, which tells what bare addresses are")
}

// symbolizer gives one as the flags say. The caller closes it.
func (s *symbols) symbolizer(std stdio) (*kmemleak.Symbolizer, error) {
	made := &kmemleak.Symbolizer{Dirs: s.dirs, Release: s.release, Debuginfod: debuginfod(std)}
	names := slices.Clone(s.dirs)
	for _, source := range s.sources {
		name := source
		if before, after, ok := strings.Cut(source, "="); ok {
			made.Paths = append(made.Paths, kmemleak.PathPrefix{Old: before, New: after})
			name = after
		} else {
			made.Sources = append(made.Sources, source)
		}
		names = append(names, name)
	}
	// Where nothing is, nothing would be found without a word.
	for _, name := range names {
		if _, err := os.Stat(name); err != nil {
			return nil, err
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

// debuginfod gives what the environment asks for, with progress.
func debuginfod(std stdio) *kmemleak.Debuginfod {
	d := debugfile.EnvironmentDebuginfod()
	if d == nil {
		return nil
	}
	return &kmemleak.Debuginfod{
		URLs: d.URLs, MaxSize: d.MaxSize, MaxTime: d.MaxTime, Timeout: d.Timeout, Retries: d.Retries,
		Progress: func(from string, done, total int64) error {
			if u, err := url.Parse(from); err == nil {
				from = u.Host
			}
			std.progress.detail("loading from %s, %d of %d MB", from, done>>20, max(total, done)>>20)
			return nil
		},
	}
}

// lookUp has a Symbolizer find out what it will be asked for, while progress can still
// be shown: it may have to unpack large files, or to load them.
func lookUp(std stdio, s *kmemleak.Symbolizer, leaks []kmemleak.Leak) {
	defer std.progress.clear()
	std.progress.set("looking for source lines")
	done := make(map[kmemleak.BacktraceKey]bool) // leaks of one place share a backtrace
	for _, l := range leaks {
		if key := kmemleak.KeyOf(l.Backtrace); !done[key] {
			done[key] = true
			s.Backtrace(l.Backtrace)
		}
	}
}

// readSnapshot reads a snapshot, or a list of modules alone.
func readSnapshot(name string) (snapshot kmemleak.Snapshot, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return snapshot, err
	}
	if strings.HasPrefix(strings.TrimSpace(string(b)), "[") {
		err = json.Unmarshal(b, &snapshot.Modules)
	} else {
		err = json.Unmarshal(b, &snapshot)
	}
	if err != nil {
		return snapshot, fmt.Errorf("%s: %w", name, err)
	}
	return snapshot, nil
}

// useLoaded tells a Symbolizer where modules lie now.
func useLoaded(std stdio, s *kmemleak.Symbolizer, leaks []kmemleak.Leak) {
	modules, err := kmemleak.LoadedModules()
	s.Modules = modules
	noteModules(std, leaks, err)
}

// noteModules says that it is not known where modules lie, if that matters.
func noteModules(std stdio, leaks []kmemleak.Leak, err error) {
	if err != nil && len(leaks) > 0 {
		fmt.Fprintf(std.err, "kmemleak: bare addresses may remain, since it is not known where modules lie: %v\n", err)
	}
}

// clock gives that of this machine, or one that knows nothing.
func clock() kmemleak.Clock {
	file, err := os.Open("/proc/timer_list")
	if err != nil {
		return kmemleak.Clock{}
	}
	defer file.Close()
	c, err := kmemleak.TimerListClock(file)
	if err != nil {
		return kmemleak.Clock{}
	}
	c.Wall = time.Now()
	return c
}
