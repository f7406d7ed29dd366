// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"context"
	"errors"
	"flag"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/vmcore"
)

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

// open opens the dump or, if none was named, the memory of the running kernel. The
// caller must call the function that is returned.
func (c *core) open(ctx context.Context, std stdio, from *symbols) (*vmcore.Kernel, func() error, error) {
	std.progress.set("opening the memory")
	var image *vmcore.Image
	var err error
	if c.given() {
		image, err = vmcore.Open(c.file)
	} else {
		image, err = vmcore.Live()
	}
	if err != nil {
		return nil, nil, err
	}
	k, err := vmcore.NewKernel(ctx, image, vmcore.Files{Vmlinux: c.vmlinux, Dirs: from.dirs, Release: from.release})
	if err != nil {
		return nil, nil, errors.Join(err, image.Close())
	}
	return k, func() error { return errors.Join(k.Close(), image.Close()) }, nil
}

// leaks returns the leaks that the kernel in the dump had reported. s then knows the
// files of that kernel, and where its modules were.
func (c *core) leaks(ctx context.Context, std stdio, from *symbols, s *kmemleak.Symbolizer) (leaks []kmemleak.Leak, err error) {
	defer std.progress.clear()
	k, closeAll, err := c.open(ctx, std, from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	return c.leaksOf(ctx, std, k, s)
}

// leaksOf is leaks for a kernel that is open.
func (c *core) leaksOf(ctx context.Context, std stdio, k *vmcore.Kernel, s *kmemleak.Symbolizer) ([]kmemleak.Leak, error) {
	std.progress.set("reading %s", c.file)
	leaks, err := k.Leaks(ctx)
	return leaks, errors.Join(err, c.describe(ctx, k, s))
}

// describe tells s of the files of a kernel, and where its modules are.
func (c *core) describe(ctx context.Context, k *vmcore.Kernel, s *kmemleak.Symbolizer) error {
	modules, err := k.Modules(ctx)
	s.Modules = modules
	if c.vmlinux != "" {
		s.Dirs = append([]string{c.vmlinux}, s.Dirs...)
	}
	if s.Release == "" {
		s.Release = k.Release()
	}
	return err
}
