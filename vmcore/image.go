// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"debug/elf"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"sync"
)

// An Image is the memory of a kernel. Its methods may be called concurrently.
type Image struct {
	memory    memory
	registers []registers
	part      error // why the file is not all of a dump; nil if it is

	mu          sync.RWMutex // guards what Relocate changes
	info        Info
	table       *table
	linear      uint64 // what is added to physical addresses in the linear map
	linearKnown bool
	untranslate error // why there is no table
	vmcoreinfo  vmcoreinfo
}

// A memory reads physical memory.
type memory interface {
	// read fills p with the memory at addr, or returns an AbsentError.
	read(p []byte, addr uint64) error
	// load is read for large pieces, without a trace in caches.
	load(p []byte, addr uint64) error
	// ranges returns what read can read, sorted, without overlaps.
	ranges() iter.Seq[Range]
	close() error
}

// Open opens a dump.
//
// An error matches ErrTruncated if the end of the file is missing, and ErrFormat if it is
// no dump, or damaged. It is no error if the kernel's page tables are not known yet: see
// [Image.Relocate].
func Open(name string) (*Image, error) {
	if isKcore(name) {
		return Live()
	}
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	var m *Image
	err = guard(func() (err error) {
		m, err = open(f)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.close())
	}
	return m, nil
}

func open(f *file) (*Image, error) {
	magic := make([]byte, 16)
	if f.size < int64(len(magic)) {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrFormat, f.size)
	}
	if err := f.readAt(magic, 0); err != nil {
		return nil, err
	}
	suffix := ""
	if isFlat(magic) {
		flat, err := readFlat(f)
		if err != nil {
			return nil, err
		}
		f.flat, suffix = flat, ", flattened"
		if err := f.readAt(magic, 0); err != nil {
			return nil, err
		}
	}
	var m *Image
	var err error
	switch {
	case isELF(magic):
		m, err = openELF(f)
	case isKdump(magic):
		m, err = openKdump(f)
	default:
		return nil, fmt.Errorf("%w: it begins with %q", ErrFormat, magic[:8])
	}
	if err != nil {
		return nil, err
	}
	m.info.Format += suffix
	if m.table != nil {
		m.table.remember()
	}
	return m, nil
}

func openKdump(f *file) (*Image, error) {
	dump, err := readKdump(f)
	if err != nil {
		return nil, err
	}
	m := &Image{memory: dump, part: dump.part(), info: Info{
		Source: f.name, Format: "kdump", ByteOrder: dump.order, GOARCH: dump.arch,
	}}
	return m, m.describe(dump.notes)
}

func openELF(f *file) (*Image, error) {
	core, err := readELF(f)
	if err != nil {
		return nil, err
	}
	m := &Image{memory: core, info: Info{Source: f.name, Format: "ELF core", ByteOrder: core.order}}
	switch core.arch {
	case elf.EM_X86_64:
		m.info.GOARCH = "amd64"
	case elf.EM_386:
		m.info.GOARCH = "386"
	case elf.EM_AARCH64:
		m.info.GOARCH = "arm64"
	default:
		return nil, fmt.Errorf("%w: a kernel for %v, not for x86_64, arm64 or i386", ErrFormat, core.arch)
	}
	return m, m.describe(core.notes)
}

// describe takes what notes tell.
func (m *Image) describe(notes []note) error {
	// The machine of a header is that of the emulator, which may run a kernel of fewer bits.
	if arch := archOfNotes(notes); arch != "" {
		m.info.GOARCH = arch
	}
	if m.info.GOARCH == "" {
		return fmt.Errorf("%w: neither its header nor its notes tell the architecture", ErrFormat)
	}
	m.info.PageSize = smallestPage
	m.registers = qemuRegisters(notes)
	for _, n := range notes {
		if n.name == "VMCOREINFO" {
			m.setVmcoreinfo(n.desc)
		}
	}
	m.table, m.untranslate = m.kernelTable()
	return nil
}

func (m *Image) setVmcoreinfo(text []byte) {
	m.vmcoreinfo = parseVmcoreinfo(text)
	m.info.Vmcoreinfo = m.vmcoreinfo
	m.info.Release = m.vmcoreinfo["OSRELEASE"]
	m.info.BuildID = m.vmcoreinfo["BUILD-ID"]
	if n, err := strconv.ParseUint(m.vmcoreinfo["PAGESIZE"], 10, 32); err == nil && n > 0 && n&(n-1) == 0 {
		m.info.PageSize = n
	}
}

// Close releases what the image uses. No other method may be in use, or be called later.
func (m *Image) Close() error { return m.memory.close() }

// ReadPhys fills p with memory from a physical address on. The error matches ErrAbsent if
// some of it is not in the image; p has no meaning then.
func (m *Image) ReadPhys(p []byte, addr uint64) error {
	return guard(func() error { return m.memory.read(p, addr) })
}

// ReadAt fills p with the kernel's memory from a virtual address on. The error matches
// ErrAbsent if some of it is not mapped by the kernel, or not in the image; p has no
// meaning then. It matches ErrTranslation if it is not known how to find virtual
// addresses: call Relocate first.
func (m *Image) ReadAt(p []byte, addr uint64) error {
	return guard(func() error { return m.readAt(p, addr) })
}

func (m *Image) readAt(p []byte, addr uint64) error {
	t, err := m.translation()
	if err != nil {
		return err
	}
	return m.readBy(t, p, addr)
}

func (m *Image) translation() (*table, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.table == nil {
		return nil, m.untranslate
	}
	return m.table, nil
}

func (m *Image) readBy(t *table, p []byte, addr uint64) error {
	for len(p) > 0 {
		phys, size, err := t.walk(addr, m.memory.read)
		if err != nil {
			return err
		}
		n := min(uint64(len(p)), size-addr&(size-1))
		if err := m.memory.read(p[:n], phys); err != nil {
			var absent *AbsentError
			if errors.As(err, &absent) && absent.Physical {
				return &AbsentError{Addr: addr + absent.Addr - phys, Cause: absent.Cause}
			}
			return err
		}
		p, addr = p[n:], addr+n
		if addr == 0 && len(p) > 0 {
			return &AbsentError{Addr: addr, Cause: "no address of the kernel"}
		}
	}
	return nil
}

// Translate returns the physical address of a virtual one. Errors are those of ReadAt.
func (m *Image) Translate(addr uint64) (phys uint64, err error) {
	err = guard(func() error {
		t, err := m.translation()
		if err == nil {
			phys, _, err = t.walk(addr, m.memory.read)
		}
		return err
	})
	return phys, err
}

// Ranges returns the physical memory that the image has, in ascending order.
func (m *Image) Ranges() iter.Seq[Range] { return m.memory.ranges() }
