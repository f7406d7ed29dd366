// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakstatus

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/machine"
)

// howTo is how an option or a boot parameter is set.
const (
	howToBuild = `Debian: its kernels have no kmemleak; build one: apt install linux-source, unpack /usr/src/linux-source-*.tar.xz, then as for your own
Fedora: dnf install kernel-debug, and boot that with kmemleak=on
your own build: scripts/config -e DEBUG_KMEMLEAK -d DEBUG_KMEMLEAK_DEFAULT_OFF -e DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT && make olddefconfig && make`

	howToBoot = `Debian: add it to GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub
Fedora: grubby --update-kernel=ALL --args=`
)

// Advice returns what to do next, a step a line. It is never empty.
func (s *Status) Advice() []string {
	off := lastOf(s.CommandLine, "kmemleak=off") > lastOf(s.CommandLine, "kmemleak=on")
	on := slices.Contains(s.CommandLine, "kmemleak=on")
	switch {
	case s.Problem == nil:
		return s.next()
	case s.Config != nil && s.Config["CONFIG_DEBUG_KMEMLEAK"] != "y":
		return append([]string{"the kernel has no kmemleak: " + s.ConfigFile + " lacks CONFIG_DEBUG_KMEMLEAK=y. Boot a kernel with it:"}, lines(howToBuild)...)
	case errors.Is(s.Problem, kmemleak.ErrDisabled) && off:
		return append([]string{"take kmemleak=off off the kernel's command line, or add kmemleak=on behind it, and boot:"}, bootWith("kmemleak=on")...)
	case errors.Is(s.Problem, kmemleak.ErrDisabled) && !on && s.Config["CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF"] == "y":
		return append([]string{"boot with kmemleak=on, since " + s.ConfigFile + " has CONFIG_DEBUG_KMEMLEAK_DEFAULT_OFF=y:"}, bootWith("kmemleak=on")...)
	case errors.Is(s.Problem, kmemleak.ErrDisabled):
		advice := []string{"kmemleak was switched off after boot: by the command off, or by itself when it ran out of memory. Boot again"}
		if pool := s.Config["CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE"]; pool != "" {
			advice = append(advice, "if it happens again: build the kernel with CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE above "+pool)
		}
		return advice
	case slices.Contains(s.CommandLine, "debugfs=off"):
		return []string{"take debugfs=off off the kernel's command line, and boot"}
	case errors.Is(s.Problem, machine.ErrNoProc):
		return []string{"mount -t proc proc /proc"}
	case errors.Is(s.Problem, machine.ErrNoSysfs):
		return []string{"mount -t sysfs sysfs /sys", "mount -t debugfs none /sys/kernel/debug"}
	case errors.Is(s.Problem, fs.ErrPermission):
		return []string{"run this as root; if that is so, see the cause above"}
	case errors.Is(s.Problem, kmemleak.ErrUnavailable) && s.Config == nil:
		return append([]string{"if debugfs is mounted (mount -t debugfs none /sys/kernel/debug), the kernel was built without CONFIG_DEBUG_KMEMLEAK. Boot a kernel with it:"}, lines(howToBuild)...)
	case errors.Is(s.Problem, kmemleak.ErrUnavailable):
		return []string{"mount -t debugfs none /sys/kernel/debug"}
	}
	if s.Release == "" {
		return []string{"see the cause above: the machine does not answer. What is to reach it must run a shell there that reads commands: echo uname -r | ssh root@HOST sh"}
	}
	return []string{"see the cause above"}
}

// next is the advice where leaks can be looked for.
func (s *Status) next() []string {
	var advice []string
	if len(s.Writers) > 0 {
		advice = append(advice, "find out why "+strings.Join(s.Writers, ", ")+" drives kmemleak: a search fails when others do")
	}
	if s.Searching {
		advice = append(advice, "another search is at work: the next one waits for it")
	}
	if s.ReportErr != nil {
		advice = append(advice, "look at the report again: "+s.ReportErr.Error())
	}
	if s.Reported > 0 {
		advice = append(advice, "kmemleak report shows what is reported now")
	}
	if s.Config != nil && s.Config["CONFIG_INIT_ON_ALLOC_DEFAULT_ON"] != "y" && !slices.Contains(s.CommandLine, "init_on_alloc=1") {
		advice = append(advice, "boot with init_on_alloc=1: old values in memory hide leaks otherwise")
	}
	if slices.ContainsFunc(s.Settings, func(x Setting) bool { return x.Name == sheaves && x.Value != "0" }) {
		advice = append(advice, "boot with slab_debug=P: SLUB's lists of free objects hide leaks otherwise")
	}
	if s.Config != nil && s.Config["CONFIG_DEBUG_INFO"] != "y" {
		advice = append(advice, "build the kernel and its modules with CONFIG_DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT=y: there are no source lines without it")
	}
	return append(advice, "kmemleak find looks for leaks; kmemleak find -- command, for those of a command")
}

func bootWith(parameter string) []string { return lines(howToBoot + parameter) }

func lines(text string) []string {
	out := strings.Split(text, "\n")
	for i := range out {
		out[i] = "  " + out[i]
	}
	return out
}

func lastOf(words []string, word string) int {
	for i, w := range slices.Backward(words) {
		if w == word {
			return i
		}
	}
	return -1
}
