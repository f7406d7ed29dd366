// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
)

// A segment is memory in one piece, of a file.
type segment struct {
	virt, phys uint64
	size       uint64 // in memory
	offset     int64
	filed      uint64 // in the file, at most size
}

// noPhys is the physical address of segments that have none: /proc/kcore has such.
const noPhys = ^uint64(0)

// elfCore is an ELF file with memory.
type elfCore struct {
	file  *file
	order binary.ByteOrder
	wide  bool // ELFCLASS64
	arch  elf.Machine
	notes []note
	noted uint64    // bytes of them
	phys  []segment // sorted by phys, without overlaps
	parts []Range   // all of phys
}

// maxSegments is the largest number of program headers that is read. A kernel has one for
// each range of memory, makedumpfile -E one for each gap between pages.
const maxSegments = 8 << 20

// readELF reads the headers of an ELF core.
func readELF(f *file) (*elfCore, error) {
	head := make([]byte, 64)
	if err := f.readAt(head[:52], 0); err != nil {
		return nil, err
	}
	c := &elfCore{file: f, wide: head[4] == byte(elf.ELFCLASS64)}
	switch elf.Data(head[5]) {
	case elf.ELFDATA2LSB:
		c.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		c.order = binary.BigEndian
	default:
		return nil, fmt.Errorf("%w: byte order %d of its ELF header", ErrFormat, head[5])
	}
	if kind := elf.Type(c.order.Uint16(head[16:])); kind != elf.ET_CORE {
		return nil, fmt.Errorf("%w: an ELF file of type %v, no core", ErrFormat, kind)
	}
	c.arch = elf.Machine(c.order.Uint16(head[18:]))
	var phoff, shoff, entry, count uint64
	if c.wide {
		if err := f.readAt(head, 0); err != nil {
			return nil, err
		}
		phoff, shoff = c.order.Uint64(head[32:]), c.order.Uint64(head[40:])
		entry, count = uint64(c.order.Uint16(head[54:])), uint64(c.order.Uint16(head[56:]))
	} else {
		phoff, shoff = uint64(c.order.Uint32(head[28:])), uint64(c.order.Uint32(head[32:]))
		entry, count = uint64(c.order.Uint16(head[42:])), uint64(c.order.Uint16(head[44:]))
	}
	const extended = 0xffff // PN_XNUM: the number is in the first section header
	if count == extended {
		section := make([]byte, 64)
		at := 44
		if !c.wide {
			section, at = section[:40], 28
		}
		if err := f.readUint(section, shoff); err != nil {
			return nil, err
		}
		count = uint64(c.order.Uint32(section[at:]))
	}
	least := uint64(32)
	if c.wide {
		least = 56
	}
	if count == 0 || entry < least || entry > 4096 {
		return nil, fmt.Errorf("%w: no memory in its ELF header", ErrFormat)
	}
	if count > maxSegments {
		return nil, fmt.Errorf("%w: %d program headers", ErrFormat, count)
	}
	return c, c.readSegments(phoff, entry, count)
}

func (c *elfCore) readSegments(phoff, entry, count uint64) error {
	const chunk = 4096
	if err := c.file.holds(phoff, count*entry); err != nil {
		return err
	}
	b := make([]byte, min(count, chunk)*entry)
	for i := uint64(0); i < count; i++ {
		if i%chunk == 0 {
			b = b[:min(count-i, chunk)*entry]
			if err := c.file.readUint(b, phoff+i*entry); err != nil {
				return err
			}
		}
		if err := c.take(b[i%chunk*entry:]); err != nil {
			return err
		}
	}
	if c.file.size >= 0 {
		if err := c.apart(); err != nil {
			return err
		}
	}
	c.trim()
	for _, s := range c.phys {
		c.parts = append(c.parts, Range{s.phys, s.filed})
	}
	c.parts = joinRanges(c.parts)
	return nil
}

// trim sorts segments and takes away what they have twice: /proc/vmcore and /proc/kcore
// have the kernel's image twice.
func (c *elfCore) trim() {
	slices.SortStableFunc(c.phys, func(a, b segment) int { return compare(a.phys, b.phys) })
	trimmed := c.phys[:0]
	next := uint64(0) // the first address that is in none so far
	for _, s := range c.phys {
		if s.filed == 0 || s.phys+s.filed-1 < next {
			continue
		}
		if s.phys < next {
			cut := next - s.phys
			s = segment{s.virt + cut, next, s.size - cut, s.offset + int64(cut), s.filed - cut}
		}
		trimmed = append(trimmed, s)
		if next = s.phys + s.filed; next == 0 {
			break // the end of all memory
		}
	}
	c.phys = trimmed
}

// apart returns an error if two segments have the same bytes of the file, which no writer
// does.
func (c *elfCore) apart() error {
	byOffset := slices.SortedFunc(slices.Values(c.phys), func(a, b segment) int { return compare(uint64(a.offset), uint64(b.offset)) })
	end := int64(0)
	for _, s := range byOffset {
		if s.filed > 0 && s.offset < end {
			return fmt.Errorf("%w: two segments have the bytes at %#x of the file", ErrFormat, s.offset)
		}
		end = max(end, s.offset+int64(s.filed))
	}
	return nil
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// take takes a program header.
func (c *elfCore) take(h []byte) error {
	kind := elf.ProgType(c.order.Uint32(h))
	var offset, virt, phys, filed, size uint64
	if c.wide {
		offset, virt, phys = c.order.Uint64(h[8:]), c.order.Uint64(h[16:]), c.order.Uint64(h[24:])
		filed, size = c.order.Uint64(h[32:]), c.order.Uint64(h[40:])
	} else {
		u := func(at int) uint64 { return uint64(c.order.Uint32(h[at:])) }
		offset, virt, phys, filed, size = u(4), u(8), u(12), u(16), u(20)
		if phys == 0xffffffff {
			phys = noPhys
		}
	}
	switch kind {
	case elf.PT_NOTE:
		if c.noted += min(filed, maxNotes+1); c.noted > maxNotes {
			return fmt.Errorf("%w: %d bytes of notes", ErrFormat, c.noted)
		}
		// All together, too: several headers may name the same bytes.
		if err := errors.Join(c.file.holds(offset, filed), c.file.holds(0, c.noted)); err != nil {
			return err
		}
		b := make([]byte, filed)
		if err := c.file.readUint(b, offset); err != nil {
			return err
		}
		c.notes = append(c.notes, parseNotes(b, c.order)...)
	case elf.PT_LOAD:
		if size == 0 {
			return nil
		}
		s := segment{virt: virt, phys: phys, size: size, offset: int64(offset), filed: filed}
		bad := filed > size || int64(offset) < 0 || offset+s.filed < offset || int64(offset+s.filed) < 0
		if bad && c.file.size < 0 {
			return nil // /proc/kcore has memory in front of the linear map there
		}
		if bad {
			return fmt.Errorf("%w: a segment at %#x of the file", ErrFormat, offset)
		}
		if err := c.file.holds(offset, s.filed); err != nil {
			return err
		}
		if phys != noPhys && phys+size-1 >= phys {
			c.phys = append(c.phys, s)
		}
	}
	return nil
}

// read reads memory at a physical address.
func (c *elfCore) read(p []byte, addr uint64) error { return c.readBy(c.file.readAt, p, addr) }

func (c *elfCore) load(p []byte, addr uint64) error { return c.readBy(c.file.fetch, p, addr) }

func (c *elfCore) readBy(read func(p []byte, offset int64) error, p []byte, addr uint64) error {
	for len(p) > 0 {
		s, ok := findPhys(c.phys, addr)
		if !ok {
			return &AbsentError{Addr: addr, Physical: true, Cause: "no such memory in the dump"}
		}
		at := addr - s.phys
		n := min(uint64(len(p)), s.filed-at)
		if err := read(p[:n], s.offset+int64(at)); err != nil {
			if refused(err) {
				return &AbsentError{Addr: addr, Physical: true, Cause: err.Error()}
			}
			return err
		}
		p, addr = p[n:], addr+n
	}
	return nil
}

// findPhys returns the segment that has a physical address.
func findPhys(all []segment, addr uint64) (segment, bool) {
	i := sort.Search(len(all), func(i int) bool { return all[i].phys > addr })
	if i == 0 || addr-all[i-1].phys >= all[i-1].filed {
		return segment{}, false
	}
	return all[i-1], true
}

func (c *elfCore) ranges() iter.Seq[Range] { return slices.Values(c.parts) }

func (c *elfCore) close() error { return c.file.close() }

func isELF(magic []byte) bool { return bytes.HasPrefix(magic, []byte(elf.ELFMAG)) }
