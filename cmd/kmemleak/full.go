// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package main

import (
	"compress/bzip2"
	"context"
	"errors"
	"io"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/leakfmt"
	"github.com/kmemleak/kmemleak/leakprof"
	"github.com/kmemleak/kmemleak/vmcore"
)

// An openCore is the memory of a kernel, with vmcore.
type openCore struct {
	*core
	kernel *vmcore.Kernel
	image  *vmcore.Image
}

// open opens the dump.
func (c *core) open(ctx context.Context, std stdio, from *symbols) (kernelMemory, error) {
	k, err := c.openKernel(ctx, std, from)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// openKernel opens the dump or, if none was named, the memory of the running kernel. The
// caller must call close.
func (c *core) openKernel(ctx context.Context, std stdio, from *symbols) (*openCore, error) {
	std.progress.set("opening the memory")
	var image *vmcore.Image
	var err error
	if c.given() {
		image, err = vmcore.Open(c.file)
	} else {
		image, err = vmcore.Live()
	}
	if err != nil {
		return nil, err
	}
	k, err := vmcore.NewKernel(ctx, image, vmcore.Files{Vmlinux: c.vmlinux, Dirs: from.dirs, Release: from.release})
	if err != nil {
		return nil, errors.Join(err, image.Close())
	}
	return &openCore{c, k, image}, nil
}

func (o *openCore) close() error { return errors.Join(o.kernel.Close(), o.image.Close()) }

func (o *openCore) leaks(ctx context.Context, std stdio) ([]kmemleak.Leak, error) {
	std.progress.set("reading %s", o.file)
	return o.kernel.Leaks(ctx)
}

func (o *openCore) describe(ctx context.Context, s *kmemleak.Symbolizer) error {
	modules, err := o.kernel.Modules(ctx)
	s.Modules = modules
	if o.vmlinux != "" {
		s.Dirs = append([]string{o.vmlinux}, s.Dirs...)
	}
	if s.Release == "" {
		s.Release = o.kernel.Release()
	}
	return err
}

func unpackBzip2(r io.Reader) (io.ReadCloser, error) {
	return io.NopCloser(bzip2.NewReader(r)), nil
}

// writeMail writes a mail about one place that leaks.
func writeMail(w io.Writer, leaks []kmemleak.Leak, o *leakfmt.Options) error {
	return leakfmt.Mail(w, leaks, o)
}

// writeProfile writes a profile for pprof.
func writeProfile(w io.Writer, leaks []kmemleak.Leak, o *leakfmt.Options) error {
	return leakprof.Write(w, leaks, &leakprof.Options{Symbolizer: o.Symbolizer, Time: o.Time, Clock: o.Clock, Err: o.Err})
}
