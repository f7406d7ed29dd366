// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import "flag"

// core is the memory of a kernel, and its vmlinux.
type core struct {
	file, vmlinux string
}

const coreText = `The memory of a dead machine is an ELF core, as kdump and QEMU's
dump-guest-memory write it, or the compressed format of makedumpfile. Its
kernel's vmlinux, not stripped and of the same build, is looked for where -dir
says and where it is installed, unless -vmlinux names it.`

func (c *core) define(flags *flag.FlagSet) {
	flags.StringVar(&c.file, "core", "", "read the memory of a kernel from this dump `file`, such as /var/crash/vmcore")
	flags.StringVar(&c.vmlinux, "vmlinux", "", "the kernel image of the -core `file`, with debugging information")
}

// given reports whether a dump was named.
func (c *core) given() bool { return c.file != "" }

// check returns an error if the flags do not go together.
func (c *core) check() error {
	if c.vmlinux != "" && c.file == "" {
		return usageError{"-vmlinux is for -core"}
	}
	return nil
}
