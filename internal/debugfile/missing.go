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
	remedy  string   // "" if none is known
}

var _ error = (*missing)(nil)

// Error says what is missing, where the Finder looked for it and what to do.
func (m *missing) Error() string {
	var b strings.Builder
	b.WriteString(m.what)
	if len(m.looked) == 0 {
		b.WriteString(": no place to look in")
	} else {
		fmt.Fprintf(&b, " in %s", strings.Join(m.looked, ", "))
	}
	if err := errors.Join(m.because...); err != nil {
		fmt.Fprintf(&b, "; %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	fmt.Fprintf(&b, ": %v", fs.ErrNotExist)
	if m.remedy != "" {
		fmt.Fprintf(&b, " (%s)", m.remedy)
	}
	return b.String()
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
	m := &missing{what: fmt.Sprintf("no %s of the kernel image (vmlinux)", what), looked: s.looked, remedy: s.f.remedy()}
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
