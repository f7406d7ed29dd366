// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"path/filepath"
	"strings"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// debugLink returns the name and the checksum of a stripped file's debug file, from its
// section .gnu_debuglink.
func debugLink(f *kobj.File) (name string, crc uint32, ok bool) {
	s := f.Section(".gnu_debuglink")
	if s == nil {
		return "", 0, false
	}
	b, err := f.Contents(s)
	if err != nil {
		return "", 0, false
	}
	return parseDebugLink(b, f.Order)
}

// parseDebugLink reads the contents of .gnu_debuglink: a name without folders, a NUL,
// up to three bytes to a multiple of four, and a CRC of the debug file ("Separate Debug
// Files" in gdb's manual).
func parseDebugLink(b []byte, order binary.ByteOrder) (name string, crc uint32, ok bool) {
	end := bytes.IndexByte(b, 0)
	at := (end + 4) &^ 3
	if end <= 0 || end > 255 || len(b) < at+4 {
		return "", 0, false
	}
	name = string(b[:end])
	if strings.ContainsAny(name, `/\`) || name == "." || name == ".." {
		return "", 0, false
	}
	return name, order.Uint32(b[at:]), true
}

// Alternates opens, one after the other, the files that may be the one to which dwz
// moved common parts of f's debugging information. The name and the build ID, in hex,
// are those in f. The caller must check whether a file is the right one, and close it.
// An error at the end lists the places that were searched.
//
// The places are those of gdb (dwz_search_other_debugdirs in its dwarf2/dwz.c) and of
// elfutils (find_debug_altlink in libdwfl): the name, relative to where f really is,
// and the build ID. The name alone beside f is for files that were copied.
func (f *Finder) Alternates(ctx context.Context, file *kobj.File, name, id string, remote bool) iter.Seq2[*kobj.File, error] {
	return func(yield func(*kobj.File, error) bool) {
		id := cleanID(id)
		s := search{f: f}
		dir := filepath.Dir(realPath(file.Name))
		paths := []string{filepath.Join(dir, name), filepath.Join(dir, filepath.Base(name)), f.at(filepath.Join(debugRoot, ".dwz", filepath.Base(name)))}
		if filepath.IsAbs(name) {
			paths[0] = f.at(name)
		}
		if path := f.byID(id, ".debug"); path != "" {
			paths = append(paths, path)
		}
		var refused error
		for i := 0; i <= len(paths); i++ {
			var path string
			switch {
			case i < len(paths):
				path = paths[i]
				s.look(path)
			case !remote || f.Server == nil || id == "":
				continue
			default:
				if path, refused = f.Server.Get(ctx, id, kindDebug); refused != nil {
					continue
				}
			}
			file, err := f.open(path)
			if err == nil && !yield(file, nil) {
				return
			}
		}
		yield(nil, &missing{what: fmt.Sprintf("no file %s, build ID %s,", name, id), looked: s.looked, because: []error{refused}})
	}
}
