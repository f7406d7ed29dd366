// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakwindow"
	"github.com/kmemleak/kmemleak/shell"
)

// target is the machine that a command looks at, as the flags name it.
type target struct {
	via, serial string
}

const targetText = `The commands that ask a kernel take -via and -serial. With -via, the kernel is that of another machine, which a program reaches that
runs root's shell there, such as 'ssh root@board sh' or 'adb shell su'; with
-serial, that behind a serial line on which root is logged in. That machine
needs a shell with cat, sed, grep, od and dmesg, as busybox has them, and no kmemleak
program. It is not locked, and nobody notices who else drives it. A command that
find runs runs here, as ssh and the like do there; -proof names a file there.`

func (t *target) define(flags *flag.FlagSet) {
	flags.StringVar(&t.via, "via", "", "look at the machine whose shell this `command` runs, such as 'ssh root@board sh'; see help machines")
	flags.StringVar(&t.serial, "serial", "", "look at the machine on whose console, at this `device[,speed]`, root is logged in")
}

// A host is a machine that is looked at. The caller must call close.
type host struct {
	kmemleak.Detector
	close func()
}

// open connects to the machine that the flags name.
func (t *target) open(ctx context.Context) (*host, error) {
	h := &host{close: func() {}}
	if t.via == "" && t.serial == "" {
		return h, nil
	}
	var sh *shell.Shell
	var err error
	switch {
	case t.via != "" && t.serial != "":
		return nil, usageError{"-via and -serial are two machines"}
	case t.serial != "":
		sh, err = shell.Serial(ctx, t.serial)
	default:
		sh, err = startShell(t.via)
	}
	if err != nil {
		return nil, err
	}
	h.Transport = sh
	h.close = func() { sh.Close() }
	return h, nil
}

// startShell starts the program of -via as this system's shell reads it.
func startShell(line string) (*shell.Shell, error) {
	if runtime.GOOS != "windows" {
		if _, err := exec.LookPath("sh"); err == nil {
			// A terminal's signals are for kmemleak, which has settings to restore there.
			return shell.Command("sh", "-c", "trap '' INT QUIT HUP; exec "+line)
		}
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return nil, usageError{"-via names no program"}
	}
	return shell.Command(words[0], words[1:]...)
}

// remote reports whether it is another machine.
func (h *host) remote() bool { return h.Transport != nil }

// prepare makes s a Symbolizer of the machine's kernel.
func (h *host) prepare(s *kmemleak.Symbolizer) error {
	snapshot, err := h.Snapshot()
	s.Modules = snapshot.Modules
	if h.remote() {
		// Nothing of this machine's kernel is that of a machine that does not answer.
		s.Release = cmp.Or(s.Release, snapshot.Release, "unknown")
	}
	return err
}

// clock returns the machine's clock, or one that knows nothing.
func (h *host) clock(ctx context.Context) kmemleak.Clock {
	var c kmemleak.Clock
	if h.remote() {
		boot, err := leakwindow.Read(ctx, &h.Detector)
		if err != nil {
			return c
		}
		c = boot.Clock()
	} else {
		file, err := os.Open("/proc/timer_list")
		if err != nil {
			return c
		}
		defer file.Close()
		if c, err = kmemleak.TimerListClock(file); err != nil {
			return kmemleak.Clock{}
		}
	}
	if c.HZ == 0 {
		return kmemleak.Clock{}
	}
	c.Wall = time.Now()
	return c
}

// allocinfo returns the file in which the machine's kernel says what is allocated, "" if it
// is not at hand.
func (h *host) allocinfo() string {
	if h.remote() {
		return ""
	}
	return procAllocinfo
}

// useLoaded makes s know the modules that are loaded now.
func (h *host) useLoaded(std stdio, s *kmemleak.Symbolizer, leaks []kmemleak.Leak) {
	noteModules(std, leaks, h.prepare(s))
}

// noteModules reports that it is unknown where modules are, if that matters.
func noteModules(std stdio, leaks []kmemleak.Leak, err error) {
	if err != nil && len(leaks) > 0 {
		fmt.Fprintf(std.err, "kmemleak: bare addresses may remain, since it is not known where modules lie: %v\n", err)
	}
}
