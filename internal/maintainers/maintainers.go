// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package maintainers finds who looks after a file of the kernel's source, by the file
// MAINTAINERS at the root of its tree. It answers as scripts/get_maintainer.pl does
// without a repository: by the patterns F, X and N. The patterns K, of the content of
// files, are left out, as that script leaves them out for a file.
package maintainers

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a file. That of Linux 7.3 has 929 KB, 3,000 sections and lines of 180 bytes.
const (
	maxFile     = 32 << 20
	maxLine     = 64 << 10
	maxSections = 100_000
	maxPatterns = 1_000_000
)

// A Section is one entry of MAINTAINERS. Texts are as in the file, in its order; those that
// are not fit for the line of a mail are left out.
type Section struct {
	Name        string
	Status      string   // S: "Maintained", "Supported", "Orphan", …; "" if it has none
	Maintainers []string // M: "Name <address>"
	Reviewers   []string // R
	Lists       []string // L: addresses, without lists that take mail from subscribers only

	patterns []pattern
}

// Rest reports whether the section is the one for everything that has no other.
func (s *Section) Rest() bool { return s.Name == "THE REST" }

// File is a MAINTAINERS file. It may be used by several goroutines.
type File struct {
	Sections []Section

	// Unknown lists patterns that are not understood, as "F: pattern". They match nothing.
	Unknown []string
}

// Open reads the file MAINTAINERS of a tree.
func Open(tree string) (*File, error) {
	name := filepath.Join(tree, "MAINTAINERS")
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if compile == nil {
		return nil, errors.New("this program was built without reading MAINTAINERS (build tag nonet); use the program without -nonet")
	}
	f, err := Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// Read reads a MAINTAINERS file. It fails only if r does, or if that cannot be such a file.
func Read(r io.Reader) (*File, error) {
	var f File
	in := bufio.NewScanner(io.LimitReader(r, maxFile))
	in.Buffer(nil, maxLine)
	name, patterns := "", 0
	var open *Section // the one that lines belong to
	for in.Scan() {
		line := strings.TrimRight(in.Text(), "\r")
		kind, value, ok := field(line)
		if !ok {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				name, open = line, nil
			}
			continue
		}
		if open == nil {
			if len(f.Sections) == maxSections {
				return nil, fmt.Errorf("more than %d sections", maxSections)
			}
			f.Sections = append(f.Sections, Section{Name: visible(name)})
			open = &f.Sections[len(f.Sections)-1]
		}
		switch kind {
		case 'S':
			open.Status = visible(value)
		case 'M':
			open.Maintainers = appendAddresses(open.Maintainers, value)
		case 'R':
			open.Reviewers = appendAddresses(open.Reviewers, value)
		case 'L':
			address, note, _ := strings.Cut(value, "(")
			if !strings.Contains(note, "subscribers-only") {
				open.Lists = appendAddresses(open.Lists, address)
			}
		case 'F', 'X', 'N':
			if patterns++; patterns > maxPatterns {
				return nil, fmt.Errorf("more than %d patterns", maxPatterns)
			}
			p, err := newPattern(kind, value)
			if err != nil {
				f.Unknown = append(f.Unknown, fmt.Sprintf("%c: %s", kind, visible(value)))
				continue
			}
			open.patterns = append(open.patterns, p)
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if patterns == 0 {
		return nil, errors.New("no MAINTAINERS file: it has no patterns of files")
	}
	return &f, nil
}

// field splits a line of a section, "F:	mm/slub.c".
func field(line string) (kind byte, value string, ok bool) {
	if len(line) < 2 || line[0] < 'A' || line[0] > 'Z' || line[1] != ':' {
		return 0, "", false
	}
	return line[0], strings.TrimSpace(line[2:]), true
}

// appendAddresses appends the addresses of a line, each once.
func appendAddresses(list []string, line string) []string {
	at := 0
	quoted, inside := false, false
	add := func(s string) {
		if end := strings.IndexByte(s, '>'); end >= 0 {
			s = s[:end+1] // what they look after may follow
		}
		s = strings.TrimSpace(s)
		if strings.Contains(s, "@") && s == visible(s) && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '<' || c == '>':
			inside = c == '<'
		case c == ',' && !quoted && !inside && strings.Contains(line[at:i], "@"):
			add(line[at:i])
			at = i + 1
		}
	}
	add(line[at:])
	return list
}

// visible returns a text without what a terminal or the header of a mail would not show.
func visible(s string) string {
	if len(s) > 500 {
		s = s[:500]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

// Of returns the sections of a file, by its path from the root of the tree, the nearest
// first: those whose pattern names the most folders of the path. Of equally near ones the
// first in the file is first.
func (f *File) Of(path string) []*Section {
	type match struct {
		section *Section
		depth   int
	}
	var matches []match
	for i := range f.Sections {
		if depth, ok := f.Sections[i].match(path); ok {
			matches = append(matches, match{&f.Sections[i], depth})
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return cmp.Compare(b.depth, a.depth) })
	sections := make([]*Section, len(matches))
	for i, m := range matches {
		sections[i] = m.section
	}
	return sections
}

// match reports whether a section has a file, and how near it is.
func (s *Section) match(path string) (depth int, ok bool) {
	for i := range s.patterns {
		if p := &s.patterns[i]; p.kind == 'X' && p.match(path) {
			return 0, false
		}
	}
	for i := range s.patterns {
		if p := &s.patterns[i]; p.kind != 'X' && p.match(path) {
			depth, ok = p.depth, true // the last one counts, as in the script
		}
	}
	return depth, ok
}
