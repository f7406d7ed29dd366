// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// RelocState says whether a value that was read can be trusted.
type RelocState uint8

const (
	// None: no relocation applies to the value; it is as in the file. In ET_REL, an
	// address in this state belongs to code that the linker dropped.
	None RelocState = iota
	// Done: the value was relocated. Addresses are those of [File.SectionAt].
	Done
	// Unknown: a relocation applies that is not understood or does not fit the value. The
	// value must not be trusted.
	Unknown
)

// Data is the contents of a debug section, decompressed.
type Data struct {
	Name string // of the section in the file, such as ".debug_info"

	b      []byte
	big    bool
	relocs *relocs // nil if nothing in the section is relocated
	file   *io.SectionReader
}

type debugSection struct {
	once sync.Once
	data *Data
	err  error
}

// Debug returns the debug section with the given name, which is without its prefix:
// "info" for .debug_info or .zdebug_info, whether compressed or not. The Data is nil,
// and so is the error, if the file has no such section or only one without contents.
func (f *File) Debug(name string) (*Data, error) {
	if f.attached != nil {
		// eu-strip -g leaves .debug_sup behind.
		if d, err := f.attached.Debug(name); d != nil || err != nil {
			return d, err
		}
	}
	f.debugMu.Lock()
	d := f.debug[name]
	if d == nil {
		d = new(debugSection)
		if f.debug == nil {
			f.debug = make(map[string]*debugSection)
		}
		f.debug[name] = d
	}
	f.debugMu.Unlock()
	d.once.Do(func() {
		d.data, d.err = f.openDebug(name)
		if d.err != nil {
			d.err = fmt.Errorf("%s: %w", f.Name, d.err)
		}
	})
	return d.data, d.err
}

func (f *File) openDebug(name string) (*Data, error) {
	s := f.Section(".debug_" + name)
	gnu := false
	if s == nil {
		if s = f.Section(".zdebug_" + name); s == nil {
			return nil, nil
		}
		gnu = true
	}
	b, err := f.Contents(s)
	if err != nil || b == nil {
		return nil, err
	}
	packed := true
	switch {
	case s.Flags&elf.SHF_COMPRESSED != 0:
		b, err = f.decompress(b)
	case gnu:
		b, err = decompressGNU(b)
	default:
		packed = false
	}
	if err != nil {
		return nil, fmt.Errorf("section %d %s: %w", s.Index, s.Name, err)
	}
	d, err := f.newData(s, b)
	if err == nil && !packed && f.file != nil && s.Size >= readerFrom {
		d.file = io.NewSectionReader(f.file, int64(s.Offset), int64(s.Size))
	}
	return d, err
}

// contentsData returns any section with contents, to be read with its relocations.
func (f *File) contentsData(s *Section) (*Data, error) {
	b, err := f.Contents(s)
	if err != nil {
		return nil, err
	}
	return f.newData(s, b)
}

func (f *File) newData(s *Section, b []byte) (*Data, error) {
	d := &Data{Name: s.Name, b: b, big: f.Order == binary.BigEndian}
	// A linked file may still have the relocations that the linker applied.
	if f.Linked() {
		return d, nil
	}
	var err error
	d.relocs, err = f.relocsOf(s)
	return d, err
}

// Bytes returns the contents as they are in the file, not relocated. They refer to the
// file's mapping and must not be used after Close.
func (d *Data) Bytes() []byte { return d.b }

// readerFrom is the smallest size of sections that have a Reader. A page of them may take up
// to 2 MiB, see [File.Forget].
const readerFrom = 2 << 20

// Reader reads the contents as they are in the file, without its mapping. It is nil if
// Bytes is as good: large sections are read all over, and to map pages for a few bytes, and
// to release them, takes longer than to copy those.
func (d *Data) Reader() io.ReaderAt {
	if d.file == nil {
		return nil
	}
	return d.file
}

// Relocated reports whether anything in the section is relocated. If not, Bytes has the
// same values as Uint and ULEB128.
func (d *Data) Relocated() bool { return d.relocs != nil }

// Uint reads an unsigned number of 1, 2, 3, 4 or 8 bytes and applies the relocations at
// its offset, if any.
func (d *Data) Uint(off uint64, size int) (v uint64, st RelocState, err error) {
	if off > uint64(len(d.b)) || uint64(size) > uint64(len(d.b))-off {
		return 0, None, fmt.Errorf("%w: %s ends at %#x, inside %d bytes at %#x", ErrFormat, d.Name, len(d.b), size, off)
	}
	v = readUint(d.b[off:], size, d.big)
	if d.relocs == nil {
		return v, None, nil
	}
	v, st = d.relocs.apply(v, off, size)
	return v, st, nil
}

// ULEB128 reads an unsigned LEB128 number of n bytes and applies the relocations at its
// offset, if any.
func (d *Data) ULEB128(off uint64) (v uint64, n int, st RelocState, err error) {
	var shift uint
	for i := off; i < uint64(len(d.b)); i++ {
		c := d.b[i]
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		shift += 7
		n++
		if c&0x80 == 0 {
			if d.relocs != nil {
				v, st = d.relocs.applyULEB(v, off, n)
			}
			return v, n, st, nil
		}
	}
	return 0, 0, None, fmt.Errorf("%w: %s ends inside a number at %#x", ErrFormat, d.Name, off)
}

// readUint reads size bytes of b as a number.
func readUint(b []byte, size int, big bool) uint64 {
	switch size {
	case 1:
		return uint64(b[0])
	case 2:
		if big {
			return uint64(binary.BigEndian.Uint16(b))
		}
		return uint64(binary.LittleEndian.Uint16(b))
	case 3:
		if big {
			return uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
		}
		return uint64(b[2])<<16 | uint64(b[1])<<8 | uint64(b[0])
	case 4:
		if big {
			return uint64(binary.BigEndian.Uint32(b))
		}
		return uint64(binary.LittleEndian.Uint32(b))
	case 8:
		if big {
			return binary.BigEndian.Uint64(b)
		}
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}
