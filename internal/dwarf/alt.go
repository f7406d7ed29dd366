// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Alternates opens the files that may be the one to which dwz moved common entries and
// strings, one after the other. The name and the build ID, in hex, are as recorded; the
// ID is "" if there is none. The sequence ends with an error that says where it
// searched. The caller must close the files.
type Alternates func(name, id string) iter.Seq2[*kobj.File, error]

// alternate returns the file to which dwz moved common entries and strings. It returns
// nil and no error if there is none.
func (d *Data) alternate() (*object, error) {
	d.altOnce.Do(func() {
		name, id := d.alternateName()
		if name == "" {
			return
		}
		if d.alternates == nil {
			d.altErr = fmt.Errorf("%s: %w", name, fs.ErrNotExist)
			return
		}
		for f, err := range d.alternates(name, id) {
			if err == nil && id != "" && f.BuildID() != id {
				if _, sum := supplement(f, 1); sum != id {
					err = errors.Join(fmt.Errorf("%s: %w: not the file with the ID %s", f.Name, ErrFormat, id), f.Close())
				}
			}
			if err == nil {
				d.alt, d.altErr, d.closer = newObject(d, f, ""), nil, f
				return
			}
			if d.altErr == nil {
				d.altErr = err
			}
		}
	})
	return d.alt, d.altErr
}

// alternateName reads the name of the alternate file and its build ID in hex, from the
// section that dwz wrote or from that of DWARF 5.
func (d *Data) alternateName() (name, id string) {
	for _, f := range [...]*kobj.File{d.file.DebugFile(), d.file} { // eu-strip -g leaves it behind
		if s := f.Section(".gnu_debugaltlink"); s != nil {
			if b, err := f.Contents(s); err != nil || b != nil {
				return altLink(b)
			}
		}
	}
	return supplement(d.file, 0)
}

// altLink reads the contents of .gnu_debugaltlink: a name, a NUL, a build ID.
func altLink(b []byte) (name, id string) {
	path, rest, ok := bytes.Cut(b, []byte{0})
	if !ok || len(path) > 4096 || len(rest) > 64 {
		return "", ""
	}
	return string(path), hex.EncodeToString(rest)
}

// supplement reads .debug_sup. In a file (kind 0) that section identifies the alternate
// file; in an alternate file (kind 1) it identifies the file itself. It has a name, and
// an ID in hex.
func supplement(f *kobj.File, kind uint8) (name, id string) {
	data, err := f.Debug("sup")
	if err != nil || data == nil {
		return "", ""
	}
	s := &section{name: data.Name, b: data.Bytes(), data: data, big: bigEndian(f)}
	c := s.cursor(0, s.size())
	version, got := c.uint(2), c.u8()
	if c.bad || version != 5 || got != kind {
		return "", ""
	}
	at := c.off
	c.skipString()
	n := c.uleb()
	from := c.off
	c.skip(n)
	if c.bad || n > 64 {
		return "", ""
	}
	return s.text(at), hex.EncodeToString(s.b[from:c.off])
}
