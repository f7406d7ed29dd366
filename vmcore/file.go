// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// A file is where an image comes from. Where it can be mapped, single reads cost no system
// call.
type file struct {
	f     *os.File
	name  string
	size  int64 // -1 if it has none, as /proc/kcore
	raw   []byte
	unmap func() error
	flat  *flattened // if the file is in the flattened format

	// alone has the file as often as it is open, each time for one read at once. It is nil
	// if reads may overlap.
	alone chan *os.File
}

func openFile(name string) (*file, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w: not a regular file", name, ErrFormat)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	file := &file{f: f, name: name, size: info.Size()}
	// A file that cannot be mapped is read.
	if raw, unmap, err := kobj.Map(f, info.Size()); err == nil && raw != nil {
		file.raw, file.unmap = raw, unmap
	}
	return file, nil
}

func (f *file) close() error {
	var err error
	if f.unmap != nil {
		err = f.unmap()
	}
	if f.alone != nil {
		for range len(f.alone) - 1 {
			err = errors.Join(err, (<-f.alone).Close())
		}
		f.f = <-f.alone
	}
	if f.f != nil {
		err = errors.Join(err, f.f.Close())
	}
	return err
}

// holds returns an error unless the file has size bytes at offset.
func (f *file) holds(offset, size uint64) error {
	if f.size < 0 {
		return nil
	}
	if f.flat != nil {
		if end := offset + size; end < offset || end > uint64(f.flat.size) || size > uint64(f.flat.total) {
			return fmt.Errorf("%w: its pieces make up %d bytes, and refer to %d bytes at %d", ErrFormat, f.flat.size, size, offset)
		}
		return nil
	}
	if end := offset + size; end < offset || end > uint64(f.size) {
		return fmt.Errorf("%w: it has %d bytes, and refers to %d bytes at %d (try: copy it again)", ErrTruncated, f.size, size, offset)
	}
	return nil
}

// readUint is readAt for offsets from the file.
func (f *file) readUint(p []byte, offset uint64) error {
	if err := f.holds(offset, uint64(len(p))); err != nil {
		return err
	}
	if int64(offset) < 0 {
		return fmt.Errorf("%w: an offset of %#x", ErrFormat, offset)
	}
	return f.readAt(p, int64(offset))
}

// readAt reads the file. Callers are under guard.
func (f *file) readAt(p []byte, offset int64) error {
	if f.flat != nil {
		return f.flat.readBy(f.readRaw, p, offset)
	}
	return f.readRaw(p, offset)
}

func (f *file) readRaw(p []byte, offset int64) error {
	if f.raw != nil {
		if offset < 0 || offset > int64(len(f.raw)) || int64(len(p)) > int64(len(f.raw))-offset {
			return f.holds(uint64(offset), uint64(len(p)))
		}
		copy(p, f.raw[offset:])
		return nil
	}
	return f.fetchRaw(p, offset)
}

// fetch is readAt by system calls: large reads leave no trace in memory then.
func (f *file) fetch(p []byte, offset int64) error {
	if f.flat != nil {
		return f.flat.readBy(f.fetchRaw, p, offset)
	}
	return f.fetchRaw(p, offset)
}

func (f *file) fetchRaw(p []byte, offset int64) error {
	if f.f == nil {
		return f.readRaw(p, offset)
	}
	file := f.f
	if f.alone != nil {
		file = <-f.alone
		defer func() { f.alone <- file }()
	}
	_, err := file.ReadAt(p, offset)
	if err == io.EOF {
		return fmt.Errorf("%w: at %d", ErrTruncated, offset)
	}
	return err
}

// errShortened is the error for a mapped file of which a part is gone.
var errShortened = fmt.Errorf("%w: it became shorter while in use", ErrTruncated)

// guard calls fn. A mapped file that becomes shorter meanwhile is an error.
func guard(fn func() error) error {
	ended := false
	err := kobj.Guard(func() error {
		err := fn()
		ended = true
		return err
	})
	if !ended {
		return errShortened
	}
	return err
}
