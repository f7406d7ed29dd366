// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"sync/atomic"
)

// A kdump is a dump in makedumpfile's compressed format (IMPLEMENTATION of makedumpfile,
// "The kdump-compressed format"): a header, a sub header, two bitmaps of pages, a descriptor for
// each page that is set in the second one, and the pages, each packed by itself.
type kdump struct {
	file   *file
	order  binary.ByteOrder
	wide   bool
	arch   string // as Go calls it
	notes  []note
	block  uint64 // the size of a page, in bytes
	pages  uint64 // the number of bits that mean something
	dumped []byte // the second bitmap
	ranks  []uint64
	first  uint64 // of a split dump: the pages that this file has
	end    uint64
	skip   uint64 // pages of earlier files of a split dump
	others uint64 // pages of all other files of a split dump
	descs  int64  // where descriptors begin
	cache  pageCache
}

const (
	kdumpMagic = "KDUMP   "
	// rankEvery is the number of bits of the bitmap for which one rank is kept.
	rankEvery = 512
	// maxBlock is the largest page that architectures have, in bytes.
	maxBlock = 64 << 10

	statusIncomplete = 1 << 3 // DUMP_DH_COMPRESSED_INCOMPLETE
)

func isKdump(magic []byte) bool { return bytes.HasPrefix(magic, []byte(kdumpMagic)) }

// machines are the names of architectures in struct new_utsname.
var machines = map[string]string{
	"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i486": "386", "i586": "386", "i686": "386",
}

// kdumpHeader is where the fields of struct disk_dump_header are that follow its struct
// timeval, for a long of 64 and of 32 bits.
const (
	kdumpHeader64 = 424
	kdumpHeader32 = 412
)

func plausibleBlock(n uint64) bool { return n >= 1<<12 && n <= maxBlock && n&(n-1) == 0 }

// readKdump reads the headers and the bitmap.
func readKdump(f *file) (*kdump, error) {
	d := &kdump{file: f, order: binary.LittleEndian}
	head := make([]byte, 464)
	if err := f.readAt(head, 0); err != nil {
		return nil, err
	}
	// After the magic and the version: sysname, nodename, release, version, machine.
	const name = 65
	uname, _, _ := bytes.Cut(head[12+4*name:12+5*name], []byte{0})
	d.arch = machines[string(uname)]
	// QEMU does not know the names of all its machines.
	if d.arch == "" && string(uname) != "Unknown" {
		return nil, fmt.Errorf("%w: a kernel for %q, not for x86_64, arm64 or i386", ErrFormat, uname)
	}
	u := func(i int) uint64 {
		if d.wide {
			return uint64(d.order.Uint32(head[kdumpHeader64+4*i:]))
		}
		return uint64(d.order.Uint32(head[kdumpHeader32+4*i:]))
	}
	d.wide = true
	if d.arch == "386" || d.arch == "" && !plausibleBlock(u(1)) {
		d.wide = false
	}
	version := d.order.Uint32(head[8:])
	status, block, sub, bitmap, pages := u(0), u(1), u(2), u(3), u(4)
	if !plausibleBlock(block) {
		return nil, fmt.Errorf("%w: pages of %d bytes", ErrFormat, block)
	}
	if status&statusIncomplete != 0 {
		return nil, fmt.Errorf("%w: its writer ran out of space, as its header says", ErrTruncated)
	}
	d.block, d.pages = block, pages
	if err := d.readSub(version); err != nil {
		return nil, err
	}
	return d, d.readBitmap(1+sub, bitmap)
}

// readSub reads the sub header.
func (d *kdump) readSub(version uint32) error {
	b := make([]byte, 104)
	if err := d.file.readUint(b, d.block); err != nil {
		return err
	}
	type layout struct{ split, start, end, info, note, start64, end64, pages64 int }
	at := layout{12, 16, 24, 32, 48, 80, 88, 96}
	long := func(i int) uint64 { return d.order.Uint64(b[i:]) }
	if !d.wide {
		at = layout{8, 12, 16, 20, 32, 56, 64, 72}
		long = func(i int) uint64 { return uint64(d.order.Uint32(b[i:])) }
	}
	d.end = ^uint64(0)
	if version >= 6 {
		if n := d.order.Uint64(b[at.pages64:]); n != 0 {
			d.pages = n
		}
	}
	if version >= 2 && d.order.Uint32(b[at.split:]) != 0 {
		d.first, d.end = long(at.start), long(at.end)
		if version >= 6 {
			d.first, d.end = d.order.Uint64(b[at.start64:]), d.order.Uint64(b[at.end64:])
		}
	}
	read := func(i int) ([]byte, error) {
		offset, n := d.order.Uint64(b[i:]), long(i+8)
		if n > maxNotes {
			return nil, fmt.Errorf("%w: %d bytes of notes", ErrFormat, n)
		}
		if offset == 0 || n == 0 {
			return nil, nil
		}
		if err := d.file.holds(offset, n); err != nil {
			return nil, err
		}
		data := make([]byte, n)
		return data, d.file.readUint(data, offset)
	}
	if version >= 4 {
		data, err := read(at.note)
		if err != nil {
			return err
		}
		d.notes = parseNotes(data, d.order)
	}
	if version >= 3 {
		data, err := read(at.info)
		if err != nil {
			return err
		}
		if data != nil {
			d.notes = append(d.notes, note{name: "VMCOREINFO", desc: data})
		}
	}
	return nil
}

// readBitmap reads the second of two bitmaps, which begin at a block. Nothing but its bits
// tells which page a descriptor is of, so all that can be checked is.
func (d *kdump) readBitmap(start, blocks uint64) error {
	half := blocks / 2 * d.block
	if d.pages > half*8 {
		return fmt.Errorf("%w: %d pages, and bitmaps for %d", ErrFormat, d.pages, half*8)
	}
	size := (d.pages + 7) / 8
	begin := start * d.block
	if err := d.file.holds(begin, half+size); err != nil {
		return err
	}
	d.dumped = make([]byte, size)
	if err := d.file.readUint(d.dumped, begin+half); err != nil {
		return err
	}
	if extra := d.pages % 8; extra != 0 {
		d.dumped[size-1] &= 1<<extra - 1
	}
	d.ranks = make([]uint64, 0, d.pages/rankEvery+2)
	rank := uint64(0)
	for i, b := range d.dumped {
		if i%(rankEvery/8) == 0 {
			d.ranks = append(d.ranks, rank)
		}
		rank += uint64(bits.OnesCount8(b))
	}
	if d.pages == 0 {
		return fmt.Errorf("%w: a dump of no pages", ErrFormat)
	}
	d.end = min(d.end, d.pages)
	if d.first > 0 {
		d.skip = d.rank(min(d.first, d.pages))
	}
	d.descs = int64((start + blocks) * d.block)
	count := uint64(0)
	if d.first < d.end {
		count = rank - d.skip
		if d.end < d.pages {
			count = d.rank(d.end) - d.skip
		}
	}
	d.others = rank - count
	if err := d.file.holds(uint64(d.descs), count*descSize); err != nil {
		return err
	}
	if err := d.checkMemory(begin); err != nil {
		return err
	}
	return d.checkDescriptors(count)
}

// checkMemory sees that the pages are memory: the first bitmap has all of the second.
func (d *kdump) checkMemory(begin uint64) error {
	memory := make([]byte, 4096)
	for at := 0; at < len(d.dumped); at += len(memory) {
		b := memory[:min(len(memory), len(d.dumped)-at)]
		if err := d.file.readUint(b, begin+uint64(at)); err != nil {
			return err
		}
		for i := range b {
			if extra := d.dumped[at+i] &^ b[i]; extra != 0 {
				page := uint64(at+i)*8 + uint64(bits.TrailingZeros8(extra))
				return fmt.Errorf("%w: page %#x is in the dump, but no memory", ErrFormat, page*d.block)
			}
		}
	}
	return nil
}

// checkDescriptors sees that there are as many descriptors as pages. Behind the last one the
// first page begins.
func (d *kdump) checkDescriptors(count uint64) error {
	if count == 0 {
		return nil
	}
	var desc [descSize]byte
	if err := d.file.readAt(desc[:], d.descs); err != nil {
		return err
	}
	end := uint64(d.descs) + count*descSize
	first := d.order.Uint64(desc[:])
	const several = 64
	if gap := first - end; first < end || gap != 0 && gap%descSize == 0 && gap <= several*descSize {
		return fmt.Errorf("%w: descriptors of %d pages, and bits for %d", ErrFormat, (first-uint64(d.descs))/descSize, count)
	}
	return nil
}

// rank returns the number of dumped pages in front of a page.
func (d *kdump) rank(page uint64) uint64 {
	i := page / rankEvery
	if i >= uint64(len(d.ranks)) {
		i = uint64(len(d.ranks)) - 1
	}
	rank := d.ranks[i]
	for at := i * rankEvery / 8; at < page/8; at++ {
		rank += uint64(bits.OnesCount8(d.dumped[at]))
	}
	if page%8 != 0 {
		rank += uint64(bits.OnesCount8(d.dumped[page/8] & (1<<(page%8) - 1)))
	}
	return rank
}

func (d *kdump) has(page uint64) bool { return d.dumped[page/8]>>(page%8)&1 != 0 }

// descSize is the size of a page descriptor, in bytes.
const descSize = 24

// unpackPage fills b with a page. read reads the file.
func (d *kdump) unpackPage(b []byte, page uint64, read func(p []byte, offset int64) error) error {
	absent := func(cause string) error {
		return &AbsentError{Addr: page * d.block, Physical: true, Cause: cause}
	}
	switch {
	case page >= d.pages:
		return absent("no such memory in the dump")
	case !d.has(page):
		return absent("excluded from the dump, or no memory")
	case page < d.first || page >= d.end:
		return absent("in another file of the split dump")
	}
	var desc [descSize]byte
	if err := read(desc[:], d.descs+int64((d.rank(page)-d.skip)*descSize)); err != nil {
		return err
	}
	offset, size, flags := d.order.Uint64(desc[:]), d.order.Uint32(desc[8:]), d.order.Uint32(desc[12:])
	if size == 0 || uint64(size) > 2*d.block {
		return fmt.Errorf("%w: page %#x packed in %d bytes", ErrFormat, page*d.block, size)
	}
	if err := d.file.holds(offset, uint64(size)); err != nil {
		return err
	}
	if flags&packedAny == 0 {
		if uint64(size) != d.block {
			return fmt.Errorf("%w: page %#x has %d bytes", ErrFormat, page*d.block, size)
		}
		return read(b, int64(offset))
	}
	u := unpackers.Get().(*unpacker)
	defer unpackers.Put(u)
	packed := u.buffer(int(size))
	if err := read(packed, int64(offset)); err != nil {
		return err
	}
	if err := u.unpack(b, packed, flags); err != nil {
		return fmt.Errorf("%w: page %#x: %w", ErrFormat, page*d.block, err)
	}
	return nil
}

func (d *kdump) read(p []byte, addr uint64) error {
	for len(p) > 0 {
		page := addr / d.block
		b := d.cache.get(page)
		if b == nil {
			b = make([]byte, d.block)
			if err := d.unpackPage(b, page, d.file.readAt); err != nil {
				var absent *AbsentError
				if errors.As(err, &absent) {
					absent.Addr = addr
				}
				return err
			}
			d.cache.put(page, b)
		}
		n := copy(p, b[addr%d.block:])
		p, addr = p[n:], addr+uint64(n)
	}
	return nil
}

func (d *kdump) load(p []byte, addr uint64) error {
	for len(p) > 0 {
		page, skip := addr/d.block, addr%d.block
		n := min(uint64(len(p)), d.block-skip)
		if n < d.block {
			if err := d.read(p[:n], addr); err != nil {
				return err
			}
		} else if err := d.unpackPage(p[:n], page, d.file.fetch); err != nil {
			return err
		}
		p, addr = p[n:], addr+n
	}
	return nil
}

func (d *kdump) ranges() iter.Seq[Range] {
	return func(yield func(Range) bool) {
		for page := d.first; page < d.end; {
			if d.dumped[page/8] == 0 {
				page = page&^7 + 8
				continue
			}
			if !d.has(page) {
				page++
				continue
			}
			from := page
			for page < d.end && d.has(page) {
				page++
			}
			if !yield(Range{from * d.block, (page - from) * d.block}) {
				return
			}
		}
	}
}

// part returns an error if other files of a split dump have pages, too.
func (d *kdump) part() error {
	if d.others == 0 {
		return nil
	}
	return fmt.Errorf("%w: the dump is split, and %d of its pages are in other files (try: makedumpfile --reassemble)", ErrAbsent, d.others)
}

func (d *kdump) close() error { return d.file.close() }

// A pageCache keeps pages that were unpacked. Each page has one slot in which it may be.
type pageCache [2048]atomic.Pointer[cachedPage]

type cachedPage struct {
	page uint64
	data []byte
}

func (c *pageCache) get(page uint64) []byte {
	if p := c[page%uint64(len(c))].Load(); p != nil && p.page == page {
		return p.data
	}
	return nil
}

func (c *pageCache) put(page uint64, data []byte) {
	c[page%uint64(len(c))].Store(&cachedPage{page, data})
}
