// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"fmt"
	"hash/crc32"
)

// HasCode reports whether the file has code that can be read. A debug file has headers
// of the code sections, but not their contents. In a module without symbols the
// relocations are gone as well, so its calls lead nowhere.
func (f *File) HasCode() bool {
	for i := range f.sections {
		if s := &f.sections[i]; s.executable() && s.Size > 0 && s.Type != elf.SHT_NOBITS {
			return f.Linked() || f.HasSymbols()
		}
	}
	return false
}

// HasDebug reports whether the file has DWARF, by itself or by its attached file.
func (f *File) HasDebug() bool {
	for _, name := range [...]string{".debug_info", ".zdebug_info"} {
		if s := f.DebugFile().Section(name); s != nil && s.Type != elf.SHT_NOBITS {
			return true
		}
	}
	return false
}

// CRC returns the checksum that a .gnu_debuglink of the file must have.
func (f *File) CRC() uint32 { return crc32.ChecksumIEEE(f.raw) }

// DebugFile returns the file that has the debug sections: the attached one, or f
// itself.
func (f *File) DebugFile() *File {
	if f.attached != nil {
		return f.attached
	}
	return f
}

// Attach makes debug the file for the debug sections of f, and for its symbols if f has
// none. That is what strip, eu-strip or objcopy --only-keep-debug took out of f. Attach
// must be called before f is used. Both files then belong together: closing f closes
// debug.
//
// The sections that occupy memory must be the same in both files; their numbers may
// differ. Otherwise Attach returns an error that names a section, f is unchanged, and
// debug still belongs to the caller. The caller must know that both files are from one
// build: two builds can have the same sections.
func (f *File) Attach(debug *File) error {
	own, err := f.counterparts(debug)
	if err != nil {
		return fmt.Errorf("%s does not belong to %s: %w", debug.Name, f.Name, err)
	}
	for i, n := range own {
		if n > 0 {
			// Relocations of debug now yield addresses of f.
			debug.sections[i].Addr = f.sections[n].Addr
		}
	}
	f.attached, f.attachedSections = debug, own
	f.symbols = symbols{} // f may have been searched for symbols before
	return nil
}

// counterparts returns, for every section of a debug file, its number in f; 0 for those
// that are not loaded.
func (f *File) counterparts(debug *File) ([]int, error) {
	if f.Class != debug.Class || f.Machine != debug.Machine || f.Order != debug.Order || f.Type != debug.Type {
		return nil, fmt.Errorf("%w: not for the same machine", ErrFormat)
	}
	// Names may repeat; their order is then the same in both files.
	byName := make(map[string][]int)
	for i := range f.sections {
		if s := &f.sections[i]; s.loaded() {
			byName[s.Name] = append(byName[s.Name], i)
		}
	}
	own := make([]int, len(debug.sections))
	for i := range debug.sections {
		s := &debug.sections[i]
		if !s.loaded() {
			continue
		}
		same := byName[s.Name]
		if len(same) == 0 {
			return nil, fmt.Errorf("%w: one has a section %s", ErrFormat, s.Name)
		}
		t := &f.sections[same[0]]
		byName[s.Name] = same[1:]
		switch {
		case s.Size != t.Size:
			return nil, fmt.Errorf("%w: section %s has %#x and %#x bytes", ErrFormat, s.Name, s.Size, t.Size)
		case s.executable() != t.executable():
			return nil, fmt.Errorf("%w: section %s is code in one", ErrFormat, s.Name)
		case f.Linked() && s.Addr != t.Addr:
			return nil, fmt.Errorf("%w: section %s is at %#x and %#x", ErrFormat, s.Name, s.Addr, t.Addr)
		}
		own[i] = same[0]
	}
	for name, left := range byName {
		for _, i := range left {
			if f.sections[i].executable() {
				return nil, fmt.Errorf("%w: one has a section %s", ErrFormat, name)
			}
		}
	}
	return own, nil
}

// loaded reports whether a section occupies memory.
func (s *Section) loaded() bool { return s.Flags&elf.SHF_ALLOC != 0 && s.Size > 0 }
