// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package kobj reads kernel object files: modules (ET_REL) and vmlinux.
//
// A file is not loaded as a whole. It is mapped where the system supports that. Its
// headers are parsed when it is opened; everything else is read in place on demand.
// Relocations are applied to single values as they are read ([Data.Uint]), because the
// debug information of a large module has millions of them and a lookup needs a few
// hundred.
//
// # Addresses
//
// The sections of a module all start at address 0 in the file. When the file is opened,
// every section that occupies memory gets an address of its own. The addresses are in
// the order in which the kernel loads the sections, with gaps in between, so that an
// address names one section and one offset ([File.SectionAt]). These addresses mean
// nothing outside of the File. In a linked file addresses are those of the file.
//
// # Memory
//
// Pages of a mapped file that have been read count as memory of the process. Reading
// one byte brings in 16 to 512 pages. So large sections are better read with
// [Data.Reader] where little of them is needed at a time. A pass over the
// headers of all units of a kernel image brings in more than 100 MB, unless it calls
// [File.Forget] repeatedly.
//
// # Robustness
//
// No input bytes cause a panic, and memory stays in proportion to the file. A mapped
// file that is truncated while in use raises a fault; [Guard] turns it into an error.
//
// All methods of File and Data are safe for concurrent use, except for Close.
package kobj

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
)

// ErrFormat is matched by errors about files that are not well-formed ELF.
var ErrFormat = errors.New("malformed ELF file")

// File is an open kernel object file.
type File struct {
	Name    string // as given to Open or New
	Class   elf.Class
	Machine elf.Machine
	Type    elf.Type // ET_REL for modules, ET_EXEC or ET_DYN for vmlinux
	Flags   uint32   // e_flags; the machine defines them
	Order   binary.ByteOrder

	raw      []byte
	apart    []byte       // the same, for large sections; nil if it has none, or is on the heap
	release  func() error // releases them; nil if raw is on the heap
	file     *os.File     // that apart is mapped from; nil if there is none
	sections []Section
	byAddr   []int32 // allocated sections with contents or size, by address

	// regionSize is the size of a module's regions, not rounded up.
	regionSize [3]uint64

	debugMu sync.Mutex
	debug   map[string]*debugSection

	attached         *File // see Attach; nil if there is none
	attachedSections []int // numbers in this file of the sections of attached

	symbols symbols
	code    code
}

// New makes a File of the bytes of an object file, which must not change while the File
// is in use. The name is for error messages.
func New(b []byte, name string) (*File, error) {
	f := &File{Name: name, raw: b}
	if err := f.parse(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Close releases the mapping. Values that came from the File, such as the Bytes of a
// Data, must not be used afterwards.
func (f *File) Close() error {
	var err error
	if f.attached != nil {
		err = f.attached.Close()
	}
	release, file := f.release, f.file
	f.raw, f.apart, f.release, f.file = nil, nil, nil, nil
	if release != nil {
		err = errors.Join(err, release())
	}
	if file != nil {
		err = errors.Join(err, file.Close())
	}
	return err
}

// AddrSize returns the size of an address in bytes: 4 or 8.
func (f *File) AddrSize() int {
	if f.Class == elf.ELFCLASS32 {
		return 4
	}
	return 8
}

// Linked reports whether addresses in the file are final. They are in all files but
// ET_REL.
func (f *File) Linked() bool { return f.Type != elf.ET_REL }

// BuildID returns the GNU build ID in lower-case hex, or "" if the file has none.
func (f *File) BuildID() string {
	for i := range f.sections {
		s := &f.sections[i]
		if s.Type != elf.SHT_NOTE {
			continue
		}
		if b, err := f.note(s); err == nil {
			if id := BuildID(b, f.Order); id != nil {
				return hex.EncodeToString(id)
			}
		}
	}
	if f.attached != nil {
		return f.attached.BuildID()
	}
	return ""
}

// note returns the contents of a section of notes, copied if the file is large: a page of
// it may take up to 2 MiB, see [File.Forget].
func (f *File) note(s *Section) ([]byte, error) {
	b, err := f.Contents(s)
	if err != nil || f.file == nil || s.Size > 64<<10 {
		return b, err
	}
	b = make([]byte, len(b))
	_, err = f.file.ReadAt(b, int64(s.Offset))
	return b, err
}

// BuildID returns the build ID from the contents of a note section, or nil if there is
// none.
func BuildID(b []byte, order binary.ByteOrder) []byte {
	for len(b) >= 12 {
		nameSize, descSize, kind := order.Uint32(b), order.Uint32(b[4:]), order.Uint32(b[8:])
		b = b[12:]
		name, rest, ok := cutAligned(b, nameSize)
		if !ok {
			return nil
		}
		desc, rest, ok := cutAligned(rest, descSize)
		if !ok {
			return nil
		}
		if kind == 3 && string(name) == "GNU\x00" && len(desc) > 0 && len(desc) <= 64 {
			return desc
		}
		b = rest
	}
	return nil
}

// cutAligned cuts n bytes off b, and the padding to four bytes behind them.
func cutAligned(b []byte, n uint32) (head, rest []byte, ok bool) {
	if uint64(n) > uint64(len(b)) {
		return nil, nil, false
	}
	head = b[:n]
	padded := min((uint64(n)+3)&^3, uint64(len(b)))
	return head, b[padded:], true
}

// slice returns the n bytes of the file at off.
func (f *File) slice(off, n uint64) ([]byte, error) {
	if off > uint64(len(f.raw)) || n > uint64(len(f.raw))-off {
		return nil, fmt.Errorf("%w: %d bytes at offset %#x are beyond its end at %#x", ErrFormat, n, off, len(f.raw))
	}
	b := f.raw
	if n >= apartFrom && f.apart != nil {
		b = f.apart
	}
	return b[off : off+n : off+n], nil
}

// parse reads the ELF header and the section headers.
func (f *File) parse() error {
	if len(f.raw) < 52 || string(f.raw[:4]) != elf.ELFMAG {
		return fmt.Errorf("%w: no ELF header", ErrFormat)
	}
	switch f.Class = elf.Class(f.raw[elf.EI_CLASS]); f.Class {
	case elf.ELFCLASS32:
	case elf.ELFCLASS64:
		if len(f.raw) < 64 {
			return fmt.Errorf("%w: header cut off", ErrFormat)
		}
	default:
		return fmt.Errorf("%w: class %d", ErrFormat, f.Class)
	}
	switch elf.Data(f.raw[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		f.Order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		f.Order = binary.BigEndian
	default:
		return fmt.Errorf("%w: byte order %d", ErrFormat, f.raw[elf.EI_DATA])
	}
	f.Type = elf.Type(f.Order.Uint16(f.raw[16:]))
	f.Machine = elf.Machine(f.Order.Uint16(f.raw[18:]))
	var offset uint64
	var rest []byte
	if f.Class == elf.ELFCLASS32 {
		offset = uint64(f.Order.Uint32(f.raw[32:]))
		rest = f.raw[36:]
	} else {
		offset = f.Order.Uint64(f.raw[40:])
		rest = f.raw[48:]
	}
	f.Flags = f.Order.Uint32(rest)
	entSize := uint64(f.Order.Uint16(rest[10:]))
	count := uint64(f.Order.Uint16(rest[12:]))
	names := uint64(f.Order.Uint16(rest[14:]))
	return f.parseSections(offset, entSize, count, names)
}

// parseSections reads count section headers at offset. If a number does not fit into 16
// bits, the first section header holds it.
func (f *File) parseSections(offset, entSize, count, names uint64) error {
	if offset == 0 {
		return fmt.Errorf("%w: no section headers", ErrFormat)
	}
	want := uint64(64)
	if f.Class == elf.ELFCLASS32 {
		want = 40
	}
	if entSize < want {
		return fmt.Errorf("%w: section headers of %d bytes", ErrFormat, entSize)
	}
	b, err := f.slice(offset, want)
	if err != nil {
		return fmt.Errorf("section headers: %w", err)
	}
	first := f.sectionHeader(b)
	if count == 0 {
		count = first.Size
	}
	if names == uint64(elf.SHN_XINDEX) {
		names = uint64(first.Link)
	}
	if count > uint64(len(f.raw))/entSize || count > math.MaxInt32 {
		return fmt.Errorf("%w: %d section headers do not fit", ErrFormat, count)
	}
	b, err = f.slice(offset, count*entSize)
	if err != nil {
		return fmt.Errorf("section headers: %w", err)
	}
	if names >= count {
		return fmt.Errorf("%w: no section %d for section names", ErrFormat, names)
	}
	f.sections = make([]Section, count)
	for i := range f.sections {
		f.sections[i] = f.sectionHeader(b[uint64(i)*entSize:])
		f.sections[i].Index = i
	}
	strings, err := f.Contents(&f.sections[names])
	if err != nil {
		return fmt.Errorf("section names: %w", err)
	}
	for i := range f.sections {
		s := &f.sections[i]
		// Section names are short; one without an end is ignored.
		s.Name = string(cString(strings, uint64(s.nameOff), 1<<12))
	}
	return f.layOut()
}

// sectionHeader decodes one header without its name.
func (f *File) sectionHeader(b []byte) Section {
	o := f.Order
	s := Section{nameOff: o.Uint32(b), Type: elf.SectionType(o.Uint32(b[4:]))}
	if f.Class == elf.ELFCLASS32 {
		s.Flags = elf.SectionFlag(o.Uint32(b[8:]))
		s.Addr = uint64(o.Uint32(b[12:]))
		s.Offset = uint64(o.Uint32(b[16:]))
		s.Size = uint64(o.Uint32(b[20:]))
		s.Link = o.Uint32(b[24:])
		s.Info = o.Uint32(b[28:])
		s.Align = uint64(o.Uint32(b[32:]))
		s.EntSize = uint64(o.Uint32(b[36:]))
		return s
	}
	s.Flags = elf.SectionFlag(o.Uint64(b[8:]))
	s.Addr = o.Uint64(b[16:])
	s.Offset = o.Uint64(b[24:])
	s.Size = o.Uint64(b[32:])
	s.Link = o.Uint32(b[40:])
	s.Info = o.Uint32(b[44:])
	s.Align = o.Uint64(b[48:])
	s.EntSize = o.Uint64(b[56:])
	return s
}

// cString returns the bytes at off up to the next NUL, or nil if there is none within
// limit bytes.
func cString(b []byte, off, limit uint64) []byte {
	if off >= uint64(len(b)) {
		return nil
	}
	b = b[off:]
	b = b[:min(uint64(len(b)), limit)]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return nil
}
