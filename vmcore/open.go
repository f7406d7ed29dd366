// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"fmt"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Files say where the object files of the kernel in an image are.
type Files struct {
	// Vmlinux is the kernel image with its debugging information and its symbols. If it is
	// "", it is looked for in Dirs and in the standard places, by the build ID that the
	// image has.
	Vmlinux string

	// Dirs are files and folders with modules, as for [kmemleak.Symbolizer]. They name the
	// variables of modules and the types of objects; Leaks needs none.
	Dirs []string

	// Release is the kernel release, as uname -r prints it, for the standard places; ""
	// means that of the image or, if it has none, that of the running kernel.
	Release string
}

// NewKernel reads the kernel in an image with the debugging information of its vmlinux.
// If the vmlinux is of another build, the error matches [ErrContradicted]. The caller
// must close the Kernel, and the image only after it.
func NewKernel(ctx context.Context, image *Image, files Files) (k *Kernel, err error) {
	err = guard(func() error {
		k, err = newKernel(ctx, image, files)
		return err
	})
	return k, err
}

func newKernel(ctx context.Context, image *Image, files Files) (*Kernel, error) {
	info := image.Info()
	if info.GOARCH == "386" {
		return nil, fmt.Errorf("%w: the image is of a kernel for i386, and only those of 64 bits can be read", errors.ErrUnsupported)
	}
	if files.Release == "" {
		files.Release = info.Release
	}
	finder := &debugfile.Finder{Dirs: files.Dirs, Release: files.Release}
	file, err := openVmlinux(ctx, finder, files.Vmlinux, info.BuildID)
	if err != nil {
		return nil, err
	}
	if id := file.BuildID(); info.BuildID != "" && id != "" && id != info.BuildID {
		err := fmt.Errorf("%w: the image is of the kernel with build ID %s, %s has %s", ErrContradicted, info.BuildID, file.Name, id)
		return nil, errors.Join(err, file.Close())
	}
	err = image.Relocate(func(name string) (uint64, bool) {
		v, _, ok := file.Value(name)
		return v, ok
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", file.Name, err), file.Close())
	}
	return openKernel(newLinearSpace(image, file), file, image.Info().Offset, finder)
}

// linearSpace reads by physical address what the kernel maps one to one: nearly all that
// is looked at is there, and needs no walk through page tables.
type linearSpace struct {
	*Image
	start, size uint64 // where physical address 0 is, and how much memory follows
}

func newLinearSpace(image *Image, file *kobj.File) linearSpace {
	s := linearSpace{Image: image}
	text, _, ok := file.Value("_text")
	if !ok {
		return s
	}
	phys, err := image.Translate(text + image.Info().Offset)
	if err != nil {
		return s
	}
	addr, ok := image.Linear(phys)
	if !ok {
		return s
	}
	s.start = addr - phys
	for r := range image.Ranges() {
		s.size = max(s.size, r.Addr+r.Size)
	}
	return s
}

func (s linearSpace) ReadAt(p []byte, addr uint64) error {
	n := uint64(len(p))
	if phys := addr - s.start; phys < s.size && n <= s.size-phys && s.ReadPhys(p, phys) == nil {
		return nil
	}
	return s.Image.ReadAt(p, addr)
}

// openVmlinux opens the kernel image with debugging information.
func openVmlinux(ctx context.Context, finder *debugfile.Finder, name, id string) (*kobj.File, error) {
	if name != "" {
		file, err := kobj.Open(name)
		if err == nil && !file.HasDebug() {
			err = errors.Join(fmt.Errorf("%s has no debugging information: give the vmlinux that is not stripped", name), file.Close())
		}
		if err != nil {
			return nil, err
		}
		return file, nil
	}
	found, err := finder.Open(ctx, "", id, false)
	switch {
	case err != nil && id == "":
		return nil, fmt.Errorf("vmlinux of the kernel in the image, which does not say what build it is of (name the file with -vmlinux): %w", err)
	case err != nil:
		return nil, fmt.Errorf("vmlinux of the kernel in the image (build ID %s): %w", id, err)
	case found.Lacks != nil:
		return nil, errors.Join(found.Lacks, found.File.Close())
	}
	return found.File, nil
}
