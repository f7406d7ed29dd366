// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"
	"io"

	"github.com/kmemleak/kmemleak"
)

// kcore is the memory of this machine's kernel.
const kcore = "/proc/kcore"

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

// A kernelMemory is the memory of a kernel that is open. Programs for an initramfs have none.
type kernelMemory interface {
	// leaks returns the leaks that the kernel had reported.
	leaks(ctx context.Context, std stdio) ([]kmemleak.Leak, error)
	// describe tells s of the files of the kernel, and where its modules are.
	describe(ctx context.Context, s *kmemleak.Symbolizer) error
	// holders searches for pointers to one object of each place that leaks, and returns what
	// writes them, as far as it came.
	holders(ctx context.Context, std stdio, leaks []kmemleak.Leak) (write func(io.Writer) error, err error)
	close() error
}

// leaks returns the leaks that the kernel in the dump had reported. s then knows the
// files of that kernel, and where its modules were.
func (c *core) leaks(ctx context.Context, std stdio, from *symbols, s *kmemleak.Symbolizer) (leaks []kmemleak.Leak, err error) {
	defer std.progress.clear()
	k, err := c.open(ctx, std, from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	leaks, err = k.leaks(ctx, std)
	return leaks, errors.Join(err, k.describe(ctx, s))
}
