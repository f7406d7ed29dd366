// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"debug/elf"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// open opens an object file, which may be packed with gzip, xz or zstd. The name of the
// file does not matter.
func (f *Finder) open(path string) (*kobj.File, error) {
	// Paths from files may lead to devices and pipes.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: not a regular file", path, kobj.ErrFormat)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	magic := make([]byte, 6)
	if _, err := io.ReadFull(file, magic); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	unpack := Unpacker(magic)
	if unpack == nil {
		return kobj.Open(path)
	}
	key := packedFile{path, info.Size(), info.ModTime().UnixNano()}
	b, known, err := f.unpacked.get(key)
	if !known {
		b, err = unpacked(file, unpack, info.Size())
		f.unpacked.put(key, b, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return kobj.New(b, path)
}

// Check returns the error that makes a file that the user named no object file: nothing
// would be found in it. A packed file is not unpacked for that, and a folder is one always.
func Check(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	magic := make([]byte, 6)
	if _, err := io.ReadFull(file, magic); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return fmt.Errorf("%s: %w", path, err)
	}
	if bytes.HasPrefix(magic, []byte(elf.ELFMAG)) || Unpacker(magic) != nil {
		return nil
	}
	return fmt.Errorf("%s is no object file (give a .ko, a debug file or vmlinux, packed or not; what boots, vmlinuz or bzImage, has no lines)", path)
}

// maxUnpacked is the largest allowed ratio of a file's size to its packed size.
// maxWindow is how far back in the unpacked data a file may refer, in bytes: that
// memory is allocated before anything is unpacked. The kernel packs modules with
// windows of up to 2 MiB (scripts/Makefile.modinst); xz -9 has 64 MiB. Each block of an
// .xz file has a window of its own. Together they are no more than maxWindows bytes, or
// 8 times the unpacked size.
const (
	maxUnpacked = 64
	maxWindow   = 64 << 20
	maxWindows  = 1 << 30
)

// Unpacker returns a reader for data that begins with these bytes; nil if it is not
// packed. The reader unpacks no more than limit bytes.
func Unpacker(magic []byte) func(r io.Reader, limit int64) (io.ReadCloser, error) {
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return func(r io.Reader, _ int64) (io.ReadCloser, error) { return gzip.NewReader(r) }
	case bytes.HasPrefix(magic, xzMagic):
		return newXZReader
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return func(r io.Reader, _ int64) (io.ReadCloser, error) { return kobj.NewZstdReader(r) }
	}
	return nil
}

// small is the size, in bytes, up to which data is unpacked without knowing its size.
// Most modules are smaller.
const small = 4 << 20

// unpacked unpacks a file of the given size. Large files are unpacked twice, the first
// time to count their bytes: no memory is allocated for a file that is refused in the
// end.
func unpacked(r io.ReadSeeker, unpack func(io.Reader, int64) (io.ReadCloser, error), size int64) ([]byte, error) {
	limit := min(size, math.MaxInt32/maxUnpacked)*maxUnpacked + 4096
	again := func(use func(io.Reader) error) error {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return err
		}
		z, err := unpack(bufio.NewReader(r), limit)
		if err != nil {
			return err
		}
		defer z.Close()
		return use(z)
	}
	var b []byte
	n := int64(0)
	err := again(func(z io.Reader) (err error) {
		b, err = io.ReadAll(io.LimitReader(z, small))
		n = int64(len(b))
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(b, []byte(elf.ELFMAG)) {
			return fmt.Errorf("%w: no ELF file is packed in it", kobj.ErrFormat)
		}
		if n == small {
			more, err := io.Copy(io.Discard, io.LimitReader(z, limit+1-small))
			n += more
			if err != nil {
				return err
			}
		}
		if n > limit {
			return fmt.Errorf("%w: unpacks to more than %d times its size", kobj.ErrFormat, maxUnpacked)
		}
		return nil
	})
	if err != nil || n < small {
		return b, err
	}
	b = make([]byte, n)
	return b, again(func(z io.Reader) error {
		_, err := io.ReadFull(z, b)
		return err
	})
}
