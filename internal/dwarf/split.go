// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// maxSplit is the size of the largest split file that is read. Those of the kernel have
// some hundred kilobytes.
const maxSplit = 256 << 20

// openSplit returns the unit with the entries that were split from the skeleton u: that
// of a package, or else of a file of its own.
func (u *unit) openSplit() (*unit, error) {
	name := u.text(u.root.get(slotDwoName))
	p, first := u.o.d.packaged()
	if p != nil {
		var split *unit
		if split, first = p.splitOf(u); first == nil {
			u.o.d.charge(u, packedSplit+split.abbrevs.memory())
			return split, nil
		}
	}
	for _, path := range u.splitPaths(name) {
		b, err := readSplit(path)
		if err == nil {
			var split *unit
			if split, err = u.findSplit(b, path); err == nil {
				u.o.d.charge(u, len(b)+1024+split.abbrevs.memory())
				return split, nil
			}
		}
		if first == nil || errors.Is(first, fs.ErrNotExist) {
			first = err
		}
	}
	return nil, fmt.Errorf("split file of the unit at %#x: %w", u.off, first)
}

// packedSplit is how many bytes a unit of a package takes, without its abbreviations: it
// and its sections.
const packedSplit = 1024 + 2048

// splitPaths returns the paths at which the split file can be: where the compiler wrote
// it, and the same names beside the file.
func (u *unit) splitPaths(name string) []string {
	dir := filepath.Dir(u.o.file.DebugFile().Name)
	comp := u.compDir
	var paths []string
	if filepath.IsAbs(name) {
		paths = append(paths, name)
	} else {
		if filepath.IsAbs(comp) {
			paths = append(paths, filepath.Join(comp, name))
		}
		paths = append(paths, filepath.Join(dir, name))
	}
	return append(paths, filepath.Join(dir, filepath.Base(name)))
}

// ordinary returns an error unless path is an ordinary file. A path from a file may
// lead to a device, or to one of the kernel's files that wait for events.
func ordinary(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > maxSplit {
		return fmt.Errorf("%s: %w: not a regular file of up to %d bytes", path, ErrFormat, maxSplit)
	}
	return nil
}

// readSplit reads a whole file. Split files are not mapped, so they live exactly as
// long as the unit that was read from them.
func readSplit(path string) ([]byte, error) {
	if err := ordinary(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSplit))
}

// findSplit finds the unit with the id of u in the split file with the contents b.
func (u *unit) findSplit(b []byte, path string) (*unit, error) {
	f, err := kobj.New(b, path)
	if err != nil {
		return nil, err
	}
	o := newObject(u.o.d, f, ".dwo")
	return u.splitIn(o)
}

// splitIn finds the unit with the id of u in an object.
func (u *unit) splitIn(o *object) (*unit, error) {
	if err := o.sectionErr(secInfo); err != nil {
		return nil, err
	}
	work := o.scanWork()
	for _, off := range o.unitStarts() {
		split, read, err := o.load(off, true)
		use(&work.abbrevs, read)
		if work.exhausted() {
			break
		}
		if err != nil || split.kind == unitSplitType || split.kind == unitType {
			continue
		}
		if split.dwoID == u.dwoID {
			if split, _, err = o.load(off, false); err != nil {
				return nil, err
			}
			split.skeleton = u
			return split, nil
		}
	}
	return nil, fmt.Errorf("%s: %w: no unit with id %#x", o.file.Name, ErrFormat, u.dwoID)
}
