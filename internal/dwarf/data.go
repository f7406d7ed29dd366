// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

var (
	// ErrFormat: the debugging information is damaged or of an unknown kind.
	ErrFormat = errors.New("malformed DWARF")

	// ErrNotFound: nothing is recorded about the address.
	ErrNotFound = errors.New("no debugging information for the address")
)

// Budget is the number of bytes of decoded units that a [Data] keeps, by its own
// account.
const Budget = 32 << 20

// Data is the debugging information of one file. All methods but Close are safe
// for concurrent use.
type Data struct {
	file  *kobj.File
	main  *object
	cache cache
	texts texts

	// zeroIsCode reports whether there is code at address 0 of a linked file; then 0 does
	// not mark dropped code.
	zeroIsCode bool

	asked  atomic.Bool // there was a lookup: it did without table
	table  lazyIndex   // of .debug_aranges
	listed []uint64    // units that .debug_aranges covers, ascending; set with table
	scan   lazyIndex   // of all other units

	alternates Alternates
	altOnce    sync.Once
	alt        *object // the dwz file, nil if there is none
	altErr     error
	closer     io.Closer

	packOnce sync.Once
	pack     *dwoPackage // the split units in one file, nil if there is none
	packErr  error
}

// lazyIndex is an index from addresses to units that is built on first use.
type lazyIndex struct {
	once  sync.Once
	spans spanIndex
	err   error // the first read error
}

// New prepares to read the debugging information of f, which must stay open. A file
// without debugging information is not an error here: every lookup then returns
// [ErrNotFound]. If alternates is nil, nothing in alternate files is found.
func New(f *kobj.File, alternates Alternates) (*Data, error) {
	d := &Data{file: f, cache: cache{budget: Budget}, alternates: alternates}
	if f.Linked() {
		for i := range f.Sections() {
			s := &f.Sections()[i]
			if s.Flags&elf.SHF_EXECINSTR != 0 && s.Addr == 0 && s.Size > 0 {
				d.zeroIsCode = true
			}
		}
	}
	d.main = newObject(d, f, "")
	return d, nil
}

// Close releases files that were opened in addition to the one given to New. No method
// may be running or be called afterwards.
func (d *Data) Close() error {
	var errs []error
	if d.closer != nil {
		errs = append(errs, d.closer.Close())
	}
	if d.pack != nil {
		errs = append(errs, d.pack.whole.file.Close())
	}
	return errors.Join(errs...)
}

// Location is what is recorded about one address.
type Location struct {
	// Frames are the functions that the address belongs to, innermost first: all but the
	// last were inlined into the next. There is at least one. If a position is known but
	// no function, as in assembler code, there is one Frame without names.
	Frames []Frame

	// Low and High are the part of the function (the last of Frames) that contains the
	// address, High exclusive. Both are 0 if no function is known.
	Low, High uint64

	// Entry is the start of the function. It differs from Low in a part that was moved
	// away, such as .cold code. It is 0 if unknown.
	Entry uint64

	// Unit is the name of the compilation unit, as it is in the file.
	Unit string

	// NoFunction reports that lines are known, but no function has an entry for the
	// address, though functions of the unit's language have entries. The whole chain may
	// be missing.
	NoFunction bool

	// Err says what could not be read; the chain may then lack inlined functions.
	Err error
}

// Frame is a function and a position in it.
type Frame struct {
	Name        string // as in the source; for C++ and Rust without its namespace
	LinkageName string // mangled name, "" if there is none
	File        File
	Line        int    // from 1; 0 if the code belongs to no line, or if unknown
	Column      int    // from 1; 0 if unknown
	Inlined     bool   // into the next frame
	Returns     string // "pointer", "value" (or nothing), or "" if not known
}

// File is the path of a source file in the pieces that the compiler recorded,
// unchanged. A piece may be absolute or relative to those before it; Dir and CompDir
// may be empty. All are empty if the file is not known.
type File struct {
	CompDir string // working directory of the compiler
	Dir     string
	Name    string
}

// Lookup returns the source position and the inline chain of the code at pc.
func (d *Data) Lookup(pc uint64) (Location, error) {
	var loc Location
	err := d.visit(pc, func(u *unit) (bool, error) { return u.locate(pc, &loc) })
	return loc, err
}

// visit calls fn with the units that may contain pc until it returns true. If it never
// does, visit returns ErrNotFound, with the reason if there was one.
func (d *Data) visit(pc uint64, fn func(u *unit) (bool, error)) error {
	var first error
	aranges := d.aranges
	if !d.asked.Swap(true) {
		aranges = func() *lazyIndex { return d.firstArange(pc) }
	}
	for _, index := range []func() *lazyIndex{aranges, d.scanned} {
		x := index()
		if first == nil {
			first = x.err
		}
		var buf [8]span
		for _, s := range x.spans.covering(pc, buf[:0]) {
			u, err := d.main.unit(s.at)
			if err == nil {
				var ok bool
				if ok, err = fn(u); ok {
					return nil
				}
			}
			if first == nil {
				first = err
			}
		}
	}
	if first != nil {
		return fmt.Errorf("%w: %w", ErrNotFound, first)
	}
	return ErrNotFound
}

// dead reports whether an address that was read is unknown, or marks code that the
// linker dropped.
func (d *Data) dead(addr uint64, st kobj.RelocState, size int) bool {
	if !d.file.Linked() {
		return st != kobj.Done
	}
	top := ^uint64(0) >> (64 - 8*uint(size))
	return addr == 0 && !d.zeroIsCode || addr >= top-1
}
