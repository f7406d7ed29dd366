// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kobj

import (
	"debug/elf"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// ErrNoSymbols is returned for files without a symbol table.
var ErrNoSymbols = errors.New("no symbol table")

// Symbol is a name in the code of a file.
type Symbol struct {
	Name    string
	Section *Section
	Offset  uint64 // in Section
	Size    uint64 // as in the file; the kernel prints other sizes, see [Sizes]
	Type    elf.SymType
	Index   int // in the symbol table; of several at one address the kernel names the first
}

// Addr returns the address of the symbol; in ET_REL it is private to the File.
func (s *Symbol) Addr() uint64 { return s.Section.Addr + s.Offset }

// symbols is what is known about the symbol table. The first lookups read the table
// from end to end, which costs them less than building an index.
type symbols struct {
	load  sync.Once
	err   error
	table *symtab
	opd   *opd

	mark   sync.Once
	needed []bool // by relocations of what is loaded, by number

	lookups atomic.Int32
	build   sync.Once
	index   atomic.Pointer[symbolIndex]
}

// indexAfter is the number of passes over the table before an index is built.
const indexAfter = 8

// symbolTable returns the symbol table of the file.
func (f *File) symbolTable() (*symtab, error) {
	s := &f.symbols
	s.load.Do(func() {
		s.table, s.err = f.firstSymtab()
		if errors.Is(s.err, ErrNoSymbols) && f.attached != nil {
			if s.table, s.err = f.attached.firstSymtab(); s.err == nil {
				s.table.own = f.attachedSections
			}
		}
		if s.err == nil && f.Machine == elf.EM_PPC64 {
			s.opd, s.err = f.descriptors()
		}
	})
	return s.table, s.err
}

// firstSymtab returns the symbol table in this file itself.
func (f *File) firstSymtab() (*symtab, error) {
	for i := range f.sections {
		if f.sections[i].Type == elf.SHT_SYMTAB {
			return f.symtab(uint32(i))
		}
	}
	return nil, ErrNoSymbols
}

// HasSymbols reports whether the file has a symbol table.
func (f *File) HasSymbols() bool {
	_, err := f.symbolTable()
	return err == nil
}

// Lookup returns the symbols of that name that are in code, in the order of the symbol
// table. There may be several: local names repeat.
func (f *File) Lookup(name string) ([]Symbol, error) {
	t, err := f.symbolTable()
	if err != nil || name == "" {
		return nil, err
	}
	if x := f.symbolIndex(t); x != nil {
		return x.named(f, t, name), nil
	}
	return f.scan(t, name, "\x00", func(string) bool { return true }), nil
}

// LookupStem returns the symbols in code that may have that name in another build:
// names that are equal except for the numbers and hashes that compilers append. If
// there are none, it returns those that are equal without any compiler suffix.
func (f *File) LookupStem(name string) ([]Symbol, error) {
	t, err := f.symbolTable()
	if err != nil {
		return nil, err
	}
	stem := Stem(name)
	if stem == "" {
		return nil, nil
	}
	all := f.scan(t, stem, "\x00.", func(s string) bool { return Stem(s) == stem })
	kind := unnumbered(name)
	same := slices.DeleteFunc(slices.Clone(all), func(s Symbol) bool { return unnumbered(s.Name) != kind })
	if len(same) > 0 {
		return same, nil
	}
	return all, nil
}

// compilerSuffixes are the beginnings of the suffixes that gcc and clang append to the
// names of functions that they cloned or split.
var compilerSuffixes = []string{".isra", ".constprop", ".part", ".cold", ".llvm", ".lto_priv", ".localalias", ".specialized", ".clone"}

// suffixStart returns where the compiler's suffixes begin in name.
func suffixStart(name string) int {
	for i := 1; i < len(name); i++ {
		if name[i] != '.' {
			continue
		}
		for _, s := range compilerSuffixes {
			if rest, ok := strings.CutPrefix(name[i:], s); ok && (rest == "" || rest[0] == '.') {
				return i
			}
		}
	}
	return len(name)
}

// Stem returns name without the suffixes that compilers append, such as .isra.0,
// .constprop.3, .part.1, .cold or .llvm.123.
func Stem(name string) string { return name[:suffixStart(name)] }

// unnumbered returns name without the numbers in its compiler suffixes, and without
// clang's .llvm.HASH.
func unnumbered(name string) string {
	i := suffixStart(name)
	var b strings.Builder
	b.WriteString(name[:i])
	for part := range strings.SplitSeq(name[i:], ".") {
		if part != "" && part != "llvm" && strings.Trim(part, "0123456789") != "" {
			b.WriteByte('.')
			b.WriteString(part)
		}
	}
	return b.String()
}

// LookupCut returns the symbols in code for a name that the kernel cut off.
// KSYM_NAME_LEN is 512 bytes, and was 128 until Linux 6.1, including the final NUL. A
// shorter name has none.
func (f *File) LookupCut(name string) ([]Symbol, error) {
	if len(name) != 128-1 && len(name) != 512-1 {
		return nil, nil
	}
	t, err := f.symbolTable()
	if err != nil {
		return nil, err
	}
	return f.scan(t, name, "", func(string) bool { return true }), nil
}

// scan returns the symbols in code whose names begin with a prefix, which must not be
// empty, and satisfy match. If next is not empty, the byte behind the prefix is one of
// next.
func (f *File) scan(t *symtab, prefix, next string, match func(string) bool) []Symbol {
	var found []Symbol
	start := []byte(prefix)
	if len(next) == 1 {
		start = append(start, next...)
	}
	for i := t.named(0, start); i < t.n; i = t.named(i+1, start) {
		name := t.name(t.nameOffset(i))
		if len(name) > len(prefix) && len(next) > 1 && strings.IndexByte(next, name[len(prefix)]) < 0 {
			continue
		}
		if s, ok := f.codeSymbol(t, i); ok && match(s.Name) {
			found = append(found, s)
		}
	}
	return found
}

// codeSymbol decodes symbol i if it names a place in code.
func (f *File) codeSymbol(t *symtab, i int) (Symbol, bool) {
	raw, sec, off, ok := f.codePlace(t, i)
	if !ok {
		return Symbol{}, false
	}
	name := t.name(raw.name)
	if len(name) == 0 {
		return Symbol{}, false
	}
	return Symbol{Name: string(name), Section: sec, Offset: off, Size: raw.size, Type: raw.typ(), Index: i}, true
}

// codePlace returns where in the code symbol i is.
func (f *File) codePlace(t *symtab, i int) (raw rawSymbol, sec *Section, off uint64, ok bool) {
	raw, ok = t.at(i)
	if !ok || raw.section <= 0 || raw.typ() == elf.STT_SECTION || raw.typ() == elf.STT_FILE {
		return raw, nil, 0, false
	}
	sec, off = &f.sections[raw.section], raw.value
	if f.Linked() {
		off -= sec.Addr
	}
	if f.symbols.opd != nil && raw.section == f.symbols.opd.section.Index {
		if sec, off, ok = f.symbols.opd.code(off); !ok {
			return raw, nil, 0, false
		}
	}
	// A symbol may be at the end of its section.
	return raw, sec, off, sec.executable() && off <= sec.Size
}
