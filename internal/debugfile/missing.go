// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// missing is the error for a file or information that was not found. It matches
// [fs.ErrNotExist] and the reasons.
type missing struct {
	what    string
	looked  []string // places
	because []error  // the reasons for rejecting what was found; nil ones do not count
	remedy  string   // what to do
}

var _ error = (*missing)(nil)

// Error says what is missing, where the Finder looked for it and what to do.
func (m *missing) Error() string {
	places := ": no place to look in"
	if len(m.looked) > 0 {
		places = " in " + strings.Join(m.looked, ", ")
	}
	return m.text(places)
}

// Brief is Error with the number of places only: they are the same for all files of one
// kernel.
func (m *missing) Brief() string {
	if len(m.looked) < 2 {
		return m.Error()
	}
	return m.text(fmt.Sprintf(" in %d places", len(m.looked)))
}

// text is the text of the error with the places where the Finder looked.
func (m *missing) text(places string) string {
	text := m.what + places
	if err := errors.Join(m.because...); err != nil {
		text += "; " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return fmt.Sprintf("%s: %v (%s)", text, fs.ErrNotExist, m.remedy)
}

// Unwrap returns the reasons.
func (m *missing) Unwrap() []error {
	all := []error{fs.ErrNotExist}
	if err := errors.Join(m.because...); err != nil {
		all = append(all, err)
	}
	return all
}

// missing returns the error for what the search did not find, "file" or "debugging
// information". The part that was chosen is nil if there is none.
func (s *search) missing(what string, chosen *part) error {
	m := &missing{what: fmt.Sprintf("no %s of the kernel image (vmlinux)", what), looked: s.looked}
	m.remedy = "give the file or its folder with -dir, or the kernel's release with -release"
	if chosen != nil {
		m.remedy = fmt.Sprintf("%s is stripped, or was built without CONFIG_DEBUG_INFO: give one that was not, or its debug file, with -dir", chosen.file.Name)
	}
	if remedy := s.f.remedy(); remedy != "" {
		m.remedy = remedy + "; or " + m.remedy
	}
	if s.module != "" {
		m.what = fmt.Sprintf("no %s of module %s", what, s.module)
	}
	for _, x := range s.misfits {
		if chosen != nil && x.code == chosen.file.Name {
			m.because = append(m.because, x.err)
		}
	}
	m.because = append(m.because, s.refused...)
	if chosen != nil && s.failed != nil {
		m.because = append(m.because, s.failed)
	}
	return m
}
