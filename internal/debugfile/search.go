// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

// search is the search for the files of one module; "" is the kernel image.
type search struct {
	ctx     context.Context // of what is loaded
	f       *Finder
	module  string
	wanted  string // build ID that was asked for, "" if none was
	running string // build ID of the running kernel or module, if none was asked for; "" if unknown
	remote  bool

	looked  []string // places, for errors
	tried   map[string]bool
	parts   []*part
	misfits []misfit
	refused []error // errors of servers
	failed  error   // the first file that could not be read
}

// part is an open file that may be the right one, or half of it.
type part struct {
	file     *kobj.File
	id       string // its build ID, "" if it has none
	expected string // the build ID that it should have, "" if unknown
	source   int    // which of Dirs it is from; standard places are the last source
	foreign  bool   // a debug file whose stripped file, from the same source, is of another build
	other    bool   // the user named a file of another module, or for a kernel of another release
}

// misfit is a debug file that does not belong to a stripped file.
type misfit struct {
	code string // path of the stripped file
	err  error
}

// Bounds of what one search keeps: folders may have any number of builds.
const (
	maxParts   = 16
	maxMisfits = 4
	maxLooked  = 64
)

// look records a place that was searched.
func (s *search) look(place string) {
	if len(s.looked) < maxLooked && !slices.Contains(s.looked, place) {
		s.looked = append(s.looked, place)
	}
}

// rank returns how good a part is. The right build ranks above an unknown one, and both
// above another one; then debugging information, symbols and code count.
func (p *part) rank() int {
	rank := 0
	if p.file.HasCode() {
		rank++
	}
	if p.file.HasSymbols() {
		rank += 2
	}
	if p.file.HasDebug() && !p.foreign {
		rank += 4
	}
	switch {
	case p.expected != "" && p.expected == p.id:
		rank += 16
	case (p.expected == "" || p.id == "") && !p.other:
		rank += 8
	}
	return rank
}

// complete reports whether nothing better can be found.
func (p *part) complete() bool {
	return p.rank()&7 == 7 && (p.expected == "" && !p.other || p.expected == p.id)
}

// best returns the best part, the first of equal ones; nil if there is none.
func (s *search) best() *part {
	var best *part
	for _, p := range s.parts {
		if best == nil || p.rank() > best.rank() {
			best = p
		}
	}
	return best
}

// take hands a part to the caller, who must close its file.
func (s *search) take(p *part) *part {
	s.parts = slices.DeleteFunc(s.parts, func(q *part) bool { return q == p })
	return p
}

// close closes the files that were not taken.
func (s *search) close() {
	for _, p := range s.parts {
		_ = p.file.Close()
	}
}

// local looks for a complete file in the places that are known beforehand.
func (s *search) local() *part {
	for c := range s.f.candidates(s) {
		expected := s.wanted
		if expected == "" && c.source == len(s.f.Dirs) {
			// The files of the running release, as opposed to those that the user names.
			expected = s.running
		}
		if p := s.try(c.path, expected, c.source); p != nil {
			return p
		}
	}
	return nil
}

// linked looks for the other half of the best part in the places that the part itself
// names.
func (s *search) linked() *part {
	p := s.best()
	if p == nil {
		return nil
	}
	places := s.f.codePlaces(p.id)
	if !p.file.HasDebug() {
		places = s.f.debugPlaces(p.file)
	}
	return s.tryAll(places, p)
}

// served asks the servers for what is missing.
func (s *search) served() *part {
	p := s.best()
	id := s.wanted
	if id == "" {
		id = s.running
	}
	if id == "" && p != nil {
		id = p.id
	}
	if !s.remote || id == "" {
		return nil
	}
	source := len(s.f.Dirs)
	if p != nil {
		source = p.source
	}
	for _, kind := range [...]string{kindDebug, kindCode} {
		if p := s.best(); p != nil && p.id == id && (kind == kindDebug && p.file.HasDebug() || kind == kindCode && p.file.HasCode()) {
			continue
		}
		path, err := s.f.Server.Get(s.ctx, id, kind)
		if err != nil {
			s.refused = append(s.refused, err)
			continue
		}
		if p := s.try(path, id, source); p != nil {
			return p
		}
	}
	return nil
}

// tryAll tries places as if they were of the same source as p.
func (s *search) tryAll(places iter.Seq[string], p *part) *part {
	for path := range places {
		s.look(filepath.Dir(path))
		if q := s.try(path, p.expected, p.source); q != nil {
			return q
		}
	}
	return nil
}

// try opens a file and joins it with another half, if there is one. It returns the part
// if nothing better can be found; the caller must close its file.
func (s *search) try(path, expected string, source int) *part {
	if s.tried[path] {
		return nil
	}
	if s.tried == nil {
		s.tried = make(map[string]bool)
	}
	s.tried[path] = true
	file, err := s.f.open(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && s.failed == nil {
			s.failed = err
		}
		return nil
	}
	if file.HasCode() && s.passed(path) {
		_ = file.Close()
		return nil
	}
	p := &part{file: file, id: file.BuildID(), expected: expected, source: source}
	p.other = source < len(s.f.Dirs) && s.f.foreign(file, s.module) != nil
	for _, q := range slices.Clone(s.parts) {
		if joined := s.join(p, q); joined != nil {
			s.take(q)
			p = joined
			break
		}
	}
	if p.complete() {
		return p
	}
	s.parts = append(s.parts, p)
	if len(s.parts) > maxParts {
		worst := slices.MinFunc(s.parts, func(a, b *part) int { return a.rank() - b.rank() })
		_ = s.take(worst).file.Close()
	}
	return nil
}

// join joins a stripped file and its debug file. It returns nil if they are not that.
func (s *search) join(a, b *part) *part {
	code, debug := a, b
	if a.file.HasDebug() {
		code, debug = b, a
	}
	if !code.file.HasCode() || code.file.HasDebug() || debug.file.HasCode() || !debug.file.HasDebug() {
		return nil
	}
	err := belongs(code.file, debug.file)
	if err == nil {
		err = code.file.Attach(debug.file)
	}
	if err != nil {
		if len(s.misfits) < maxMisfits {
			s.misfits = append(s.misfits, misfit{code.file.Name, err})
		}
		// Files side by side should be of one build, and the stripped file is the one that is
		// loaded.
		if code.source == debug.source && !errors.Is(err, errNoProof) {
			debug.foreign = true
		}
		return nil
	}
	joined := &part{file: code.file, id: code.file.BuildID(), expected: code.expected, source: code.source, other: code.other}
	if debug.source < code.source {
		joined.expected, joined.source = debug.expected, debug.source
	}
	return joined
}

// errNoProof: the two files have nothing to compare.
var errNoProof = errors.New("there is neither a build ID nor a checksum to compare")

// belongs returns the reason why a debug file is not that of a stripped file, or nil if
// it is. The build ID decides; the checksum is for files without one, as in elfutils'
// validate (libdwfl/find-debuginfo.c).
func belongs(code, debug *kobj.File) error {
	if a, b := code.BuildID(), debug.BuildID(); a != "" && b != "" {
		if a != b {
			return fmt.Errorf("%s has the build ID %s, but %s has %s", debug.Name, b, code.Name, a)
		}
		return nil
	}
	_, want, ok := debugLink(code)
	if !ok {
		return fmt.Errorf("%s may be of another build than %s: %w", debug.Name, code.Name, errNoProof)
	}
	if sum := debug.CRC(); sum != want {
		return fmt.Errorf("%s has the checksum %08x, but %s asks for %08x", debug.Name, sum, code.Name, want)
	}
	return nil
}
