// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package main

import (
	"context"
	"errors"
	"io"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
	"github.com/kmemleak/kmemleak/leakprof"
	"github.com/kmemleak/kmemleak/vmcore"
)

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
	std.progress.set("reading %s", c.file)
	leaks, err = k.Leaks(ctx)
	modules, modulesErr := k.Modules(ctx)
	s.Modules = modules
	if c.vmlinux != "" {
		s.Dirs = append([]string{c.vmlinux}, s.Dirs...)
	}
	if s.Release == "" {
		s.Release = k.Release()
	}
	return leaks, errors.Join(err, modulesErr)
}

// writeMail writes a mail about one place that leaks.
func writeMail(w io.Writer, leaks []kmemleak.Leak, o *leakfmt.Options) error {
	return leakfmt.Mail(w, leaks, o)
}

// writeProfile writes a profile for pprof.
func writeProfile(w io.Writer, leaks []kmemleak.Leak, o *leakfmt.Options) error {
	return leakprof.Write(w, leaks, &leakprof.Options{Symbolizer: o.Symbolizer, Time: o.Time, Clock: o.Clock, Err: o.Err})
}
