// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// dwoPackage is a file into which dwp has put split files (.dwp). Its index has, for each
// unit, the part of every section that the unit had in a file of its own. See section
// 7.3.5 of DWARF 5; before, it was an extension of GNU, whose index has version 2.
type dwoPackage struct {
	whole   *object
	columns []int             // the section of each column, -1 if it is not read
	rows    map[uint64]uint32 // from 0, by the units' ids
	offsets section           // a row of offsets for each unit, then a row of sizes for each
	units   uint64
}

// Sections as the columns of an index have them.
var (
	columns2 = map[uint64]int{1: secInfo, 3: secAbbrev, 4: secLine, 5: secLoc, 6: secStrOffsets}
	columns5 = map[uint64]int{1: secInfo, 3: secAbbrev, 4: secLine, 5: secLoclists, 6: secStrOffsets, 8: secRnglists}
)

// maxColumns is more than there are kinds of sections.
const maxColumns = 16

// packaged returns the package of the file, nil if there is none.
func (d *Data) packaged() (*dwoPackage, error) {
	d.packOnce.Do(func() {
		for _, path := range d.packagePaths() {
			if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
				continue
			}
			f, err := kobj.Open(path)
			if err == nil {
				if d.pack, err = newPackage(d, f); err == nil {
					d.packErr = nil
					return
				}
				err = errors.Join(err, f.Close())
			}
			if d.packErr == nil {
				d.packErr = fmt.Errorf("%s: %w", path, err)
			}
		}
	})
	return d.pack, d.packErr
}

// packagePaths returns where the package may be: beside the file, or beside its debug
// file, with .dwp behind the name of either, which may be without the suffixes that it
// got since.
func (d *Data) packagePaths() []string {
	var paths []string
	for _, name := range []string{d.file.DebugFile().Name, d.file.Name} {
		real, err := filepath.EvalSymlinks(name)
		if err != nil {
			real = name
		}
		for _, name := range []string{name, real} {
			for {
				if path := name + ".dwp"; !slices.Contains(paths, path) {
					paths = append(paths, path)
				}
				ext := filepath.Ext(name)
				if !slices.Contains([]string{".gz", ".xz", ".zst", ".debug"}, ext) {
					break
				}
				name = strings.TrimSuffix(name, ext)
			}
		}
	}
	return paths
}

// newPackage reads the index of a package.
func newPackage(d *Data, f *kobj.File) (*dwoPackage, error) {
	data, err := f.Debug("cu_index")
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("%w: no index of units", ErrFormat)
	}
	s := section{name: data.Name, b: data.Bytes(), big: bigEndian(f)}
	p := &dwoPackage{whole: newObject(d, f, ".dwo")}
	c := s.cursor(0, s.size())
	version := c.uint(4)
	if version != 2 {
		version, _ = s.uint(0, 2) // of two bytes, and two of padding
	}
	known := map[uint64]map[uint64]int{2: columns2, 5: columns5}[version]
	columns, units, slots := c.uint(4), c.uint(4), c.uint(4)
	switch {
	case c.bad:
		return nil, s.errAt(0, "header cut off")
	case known == nil:
		return nil, s.errAt(0, "index of version %d", version)
	case columns > maxColumns:
		return nil, s.errAt(4, "%d columns", columns)
	case 12*slots+4*columns*(1+2*units) > c.end-c.off:
		return nil, s.errAt(0, "index cut off")
	}
	ids, rows := c.off, c.off+8*slots
	p.rows, p.units = make(map[uint64]uint32, min(slots, units)), units
	for i := range slots {
		id, _ := s.uint(ids+8*i, 8)
		row, _ := s.uint(rows+4*i, 4)
		if _, again := p.rows[id]; row > 0 && row <= units && !again {
			p.rows[id] = uint32(row - 1)
		}
	}
	c.off = rows + 4*slots
	for range columns {
		n, ok := known[c.uint(4)]
		if !ok {
			n = -1
		}
		p.columns = append(p.columns, n)
	}
	p.offsets = s
	p.offsets.b = s.b[c.off:]
	return p, nil
}

// object returns the sections of a unit, as if they were in a file of their own.
func (p *dwoPackage) object(id uint64) (*object, error) {
	file := p.whole.file
	row, ok := p.rows[id]
	if !ok {
		return nil, fmt.Errorf("%s: %w: no unit with id %#x", file.Name, ErrFormat, id)
	}
	o := newObject(p.whole.d, file, ".dwo")
	width := uint64(len(p.columns))
	for n := range numSections {
		if n == secStr {
			continue // all units have it in common
		}
		whole := p.whole.section(n)
		own := &section{name: whole.name, big: whole.big}
		if i := slices.Index(p.columns, n); i >= 0 {
			if err := p.whole.sectionErr(n); err != nil {
				return nil, err
			}
			at := 4 * (uint64(row)*width + uint64(i))
			off, _ := p.offsets.uint(at, 4)
			size, _ := p.offsets.uint(at+4*width*p.units, 4)
			if off+size > whole.size() {
				return nil, fmt.Errorf("%s: %w", file.Name, whole.errAt(off, "%d bytes of the unit with id %#x are beyond its end", size, id))
			}
			own.b = whole.b[off : off+size : off+size]
		}
		o.sections[n].once.Do(func() { o.sections[n].s = own })
	}
	return o, nil
}

// splitOf returns the unit with the entries that were split from the skeleton u.
func (p *dwoPackage) splitOf(u *unit) (*unit, error) {
	o, err := p.object(u.dwoID)
	if err != nil {
		return nil, err
	}
	return u.splitIn(o)
}
