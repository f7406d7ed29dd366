// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kmemleak/kmemleak/internal/blame"
)

// A Suppression describes known leaks. The zero value matches no leak.
type Suppression struct {
	Reason  string    // why the leak may stay
	Frames  []string  // patterns of functions, see ParseSuppressions; nil: any backtrace
	Module  string    // pattern of the module of the owner frame, "vmlinux" for the kernel image; "": any
	Comm    string    // pattern of the thread's name; "": any
	Expires time.Time // the moment from which it no longer counts; zero: never
	Line    int       // line of the file on which it starts, 0 if it is not from a file
}

// ParseSuppressions reads a file of suppressions:
//
//	# Lines that start with # and empty lines do not count.
//	leak: the teardown path of our driver, see the release notes of 2.1
//	    frame: thing_alloc
//	    frame: ...
//	    frame: do_one_initcall
//	    module: thing_*
//	    comm: modprobe
//	    expires: 2027-01-31
//
// Each entry starts with "leak:" and the reason, and has at least one of frame,
// module and comm. All of these must match. Indentation does not count. A value that
// starts with a quote is a Go string, such as "a\tb", or "" for an empty reason.
//
// The first frame is compared with the owner frame of a leak ([Leak.Owner]), and with those
// above it that were passed; the next ones with the frames below, one by one; "..." stands for any number of frames,
// even in first place. Frames below the last pattern do not matter. A pattern must
// match the whole name, printed or demangled, with or without compiler suffixes such
// as .isra.0, but without offset. The name of a bare address is like 0x1234. In each
// pattern * stands for any bytes and ? for any one byte. Inlined frames are skipped.
//
// The module of a bare address is not known, so no module pattern matches it. An
// entry counts until the end of the day on which it expires, in UTC, or until a
// moment like 2027-01-31T12:00:00Z. If a leak has Calls ([Leak.Calls]), its frames
// are those that the [Symbolizer] found, with their names.
//
// The error is a [*ParseError] for a line, or that of r. The entries before the wrong
// one are returned with it. A pattern that cannot match anything is an error, such as
// a frame followed by an offset, a module or a comment.
func ParseSuppressions(r io.Reader) (Suppressions, error) {
	var list Suppressions
	var entry Suppression // the one being read, if it has a line
	in := bufio.NewScanner(r)
	line := 0
	fail := func(text, problem string) (Suppressions, error) {
		return list, &ParseError{Line: line, Text: clip([]byte(text)), Err: formatErrorf("%s", problem)}
	}
	// end adds the entry to the list.
	end := func() error {
		if entry.Line == 0 {
			return nil
		}
		if entry.empty() {
			return &ParseError{Line: entry.Line, Text: clip([]byte(entry.Reason)), Err: formatErrorf("an entry needs a frame, a module or a comm")}
		}
		list = append(list, entry)
		entry = Suppression{}
		return nil
	}
	for in.Scan() {
		line++
		text := strings.TrimSpace(in.Text())
		if line == 1 {
			text = strings.TrimPrefix(text, "\ufeff")
		}
		if text == "" || text[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(text, ":")
		if key == "leak" {
			if err := end(); err != nil {
				return list, err
			}
		}
		value = strings.TrimSpace(value)
		if !ok || value == "" {
			return fail(text, "expected a key, a colon and a value")
		}
		if value[0] == '"' {
			unquoted, err := strconv.Unquote(value)
			if err != nil {
				return fail(text, "a value that starts with a quote has to be a string of Go")
			}
			value = unquoted
		}
		if key == "leak" {
			entry = Suppression{Reason: value, Line: line}
			continue
		}
		if entry.Line == 0 {
			return fail(text, "expected \"leak:\" and a reason, with which an entry begins")
		}
		if problem := entry.set(key, value); problem != "" {
			return fail(text, problem)
		}
	}
	if err := in.Err(); err != nil {
		line++
		if errors.Is(err, bufio.ErrTooLong) {
			return fail("", "the line is too long")
		}
		return list, fmt.Errorf("line %d: %w", line, err)
	}
	err := end()
	return list, err
}

func (s Suppression) empty() bool { return len(s.Frames) == 0 && s.Module == "" && s.Comm == "" }

// set stores a line of an entry. It returns what is wrong with the line, or "".
func (s *Suppression) set(key, value string) string {
	var to *string
	switch key {
	case "frame":
		if problem := badFrame(value); problem != "" {
			return problem
		}
		s.Frames = append(s.Frames, value)
		return ""
	case "module":
		to = &s.Module
	case "comm":
		to = &s.Comm
	case "expires":
		if !s.Expires.IsZero() {
			return "a second expires"
		}
		day, err := time.Parse(time.DateOnly, value)
		s.Expires = day.AddDate(0, 0, 1)
		if err != nil {
			day, err = time.Parse(time.RFC3339Nano, value)
			s.Expires = day.UTC()
		}
		if err != nil || s.Expires.Year() < 1 || s.Expires.IsZero() {
			return "expected a date like 2027-01-31"
		}
		return ""
	default:
		return "unknown key"
	}
	switch {
	case value == "":
		return "the " + key + " is empty"
	case key == "module" && strings.ContainsFunc(value, unicode.IsSpace):
		return "no module has a blank in its name"
	case key == "comm" && strings.IndexByte(value, 0) >= 0:
		return "no comm has a zero byte"
	}
	if *to != "" {
		return "a second " + key
	}
	*to = value
	return ""
}

// badFrame returns why a pattern matches no function's name, or "".
func badFrame(pattern string) string {
	switch {
	case pattern == "":
		return "the frame is empty"
	case strings.Contains(pattern, "+0x"):
		return "a frame is a name without offset"
	case strings.HasSuffix(pattern, "]") && strings.Contains(pattern, " ["):
		return "a frame is a name without module"
	case strings.Contains(pattern, " #") || strings.Contains(pattern, "\t#"):
		return "a comment needs a line of its own"
	case strings.ContainsFunc(pattern, unicode.IsControl):
		return "no function has a control character in its name"
	}
	return ""
}

// String returns the entry as [ParseSuppressions] reads it, without Line. ParseSuppressions
// cannot read an entry that matches no leak, a line of more than 64 KiB, or a year that
// does not have four digits.
func (s Suppression) String() string {
	b := []byte("leak: ")
	b = appendValue(b, s.Reason)
	for _, f := range s.Frames {
		b = appendValue(append(b, "\n    frame: "...), f)
	}
	if s.Module != "" {
		b = appendValue(append(b, "\n    module: "...), s.Module)
	}
	if s.Comm != "" {
		b = appendValue(append(b, "\n    comm: "...), s.Comm)
	}
	if !s.Expires.IsZero() {
		b = append(b, "\n    expires: "...)
		end := s.Expires.UTC()
		if midnight := end.Truncate(24 * time.Hour); end.Equal(midnight) && end.AddDate(0, 0, -1).Year() > 0 {
			b = end.AddDate(0, 0, -1).AppendFormat(b, time.DateOnly)
		} else {
			b = end.AppendFormat(b, time.RFC3339Nano)
		}
	}
	return string(append(b, '\n'))
}

// appendValue appends a value, quoted if it would otherwise be read as something
// else.
func appendValue(b []byte, v string) []byte {
	if v == "" || v[0] == '"' || v != strings.TrimSpace(v) || !utf8.ValidString(v) ||
		strings.ContainsFunc(v, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.AppendQuote(b, v)
	}
	return append(b, v...)
}

// Match reports whether the entry matches the leak, even if it has expired.
func (s Suppression) Match(l Leak) bool {
	frames, first, owner := l.callFrames()
	return s.match(l.Comm, frames, first, owner)
}

func (s Suppression) match(comm string, frames []Frame, first, owner int) bool {
	if s.empty() || s.Comm != "" && !blame.Match(s.Comm, comm) {
		return false
	}
	// The kernel prints '_' for the '-' of a file name.
	if s.Module != "" && (owner < 0 || frames[owner].Func == "" ||
		!blame.Match(strings.ReplaceAll(s.Module, "-", "_"), cmp.Or(frames[owner].Module, "vmlinux"))) {
		return false
	}
	if len(s.Frames) == 0 {
		return true
	}
	for i := max(first, 0); i <= owner; i++ {
		if matchFrames(s.Frames, frames[i:]) {
			return true
		}
	}
	return false
}

// matchFrames works like match, with frames for characters and "..." for the star,
// but need not reach the end of the frames.
func matchFrames(patterns []string, frames []Frame) bool {
	star, retry := -1, 0
	p, n := 0, 0
	for p < len(patterns) {
		switch {
		case patterns[p] == "...":
			star, retry = p, n
			p++
		case n < len(frames) && frames[n].Inlined:
			n++
		case n < len(frames) && matchFrame(patterns[p], frames[n]):
			p++
			n++
		case star >= 0 && retry < len(frames):
			retry++
			p, n = star+1, retry
		default:
			return false
		}
	}
	return true
}

func matchFrame(pattern string, f Frame) bool {
	if f.Func == "" {
		return blame.Match(pattern, fmt.Sprintf("0x%x", f.Addr))
	}
	return blame.Match(pattern, f.Func) || blame.Match(pattern, f.BaseName()) || blame.Match(pattern, f.Name())
}

// Suppressions is the list of entries in a file.
type Suppressions []Suppression

// A SuppressionUse is an entry and what it has matched.
type SuppressionUse struct {
	Suppression
	Expired bool   // it no longer suppresses anything
	Count   int    // objects that match it; with 0 it is not needed
	Bytes   uint64 // sum of their sizes
}

// Filter returns the leaks that no entry suppresses, and the use of each entry, in
// the order of the list. A leak counts for each entry that matches it. An entry that
// has expired at the time now suppresses nothing, but its matches are counted.
func (list Suppressions) Filter(leaks []Leak, now time.Time) (rest []Leak, uses []SuppressionUse) {
	uses = make([]SuppressionUse, len(list))
	for i, s := range list {
		uses[i] = SuppressionUse{Suppression: s, Expired: !s.Expires.IsZero() && !now.Before(s.Expires)}
	}
	for _, l := range leaks {
		suppressed := false
		frames, first, owner := l.callFrames()
		for i := range uses {
			if u := &uses[i]; u.match(l.Comm, frames, first, owner) {
				u.Count += l.Objects()
				u.Bytes += l.Bytes()
				suppressed = suppressed || !u.Expired
			}
		}
		if !suppressed {
			rest = append(rest, l)
		}
	}
	return rest, uses
}
