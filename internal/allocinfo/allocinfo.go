// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package allocinfo reads /proc/allocinfo: how much memory is allocated now by each line
// of the kernel. Kernels since 6.10 have it, if CONFIG_MEM_ALLOC_PROFILING is set and
// sysctl vm.mem_profiling is 1. The format is that of lib/alloc_tag.c and lib/codetag.c.
package allocinfo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a file. That of a distribution's kernel has about 5,000 lines of 80 bytes.
const (
	maxLine  = 4 << 10
	maxSites = 1 << 20
)

// A Site is a line that allocates memory.
type Site struct {
	File   string // as the compiler was given it: from the root of the tree, or absolute for modules out of it
	Line   int
	Module string // "" for the kernel image
	Func   string
}

// Live is how much of what a site has allocated, since profiling was switched on, is not
// freed. Calls is the number of allocations, of which vmalloc makes several for one object.
// The kernel sums up counters that change meanwhile.
type Live struct {
	Bytes, Calls uint64
}

// Table is the content of the file. It may be used by several goroutines.
type Table struct {
	live    map[place][]entry
	counted bool // something is live
}

// place is what entries are looked up by.
type place struct {
	base   string // last element of the file's path
	line   int
	module string
}

type entry struct {
	site  Site
	live  Live
	wrong bool // the kernel says that it has lost count
}

// Read reads the file. Lines of a later version that are not understood are left out, and
// a version that is not known is an error.
func Read(r io.Reader) (*Table, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	if !in.Scan() {
		return nil, errors.Join(in.Err(), errors.New("no allocinfo: it is empty"))
	}
	version, ok := strings.CutPrefix(in.Text(), "allocinfo - version: ")
	if !ok {
		return nil, fmt.Errorf("no allocinfo: it begins with %.80q", in.Text())
	}
	if !slices.Contains([]string{"1.0", "2.0"}, version) {
		return nil, fmt.Errorf("allocinfo of version %.80q is not known", version)
	}
	t := &Table{live: make(map[place][]entry)}
	n := 0
	for in.Scan() {
		e, ok := parse(in.Text())
		if !ok {
			continue
		}
		if n++; n > maxSites {
			return nil, fmt.Errorf("allocinfo has more than %d lines", maxSites)
		}
		t.counted = t.counted || e.live.Calls > 0
		at := e.site.place()
		t.live[at] = append(t.live[at], e)
	}
	if in.Err() == nil && n == 0 {
		return nil, errors.New("allocinfo has no line that is understood")
	}
	return t, in.Err()
}

// Off reports whether nothing is live anywhere: vm.mem_profiling is 0.
func (t *Table) Off() bool { return !t.counted }

func (s *Site) place() place { return place{path.Base(s.File), s.Line, s.Module} }

// parse reads a line: bytes, calls, file:line, [module], func:NAME, and what later versions add.
func parse(line string) (e entry, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 {
		return e, false
	}
	bytes, err1 := strconv.ParseInt(fields[0], 10, 64)
	calls, err2 := strconv.ParseUint(fields[1], 10, 64)
	colon := strings.LastIndexByte(fields[2], ':')
	if err1 != nil || err2 != nil || colon <= 0 {
		return e, false
	}
	lineno, err := strconv.ParseUint(fields[2][colon+1:], 10, 31)
	if err != nil || lineno == 0 {
		return e, false
	}
	e.site = Site{File: fields[2][:colon], Line: int(lineno)}
	rest := fields[3:]
	if m := rest[0]; len(m) > 2 && m[0] == '[' && m[len(m)-1] == ']' {
		e.site.Module = m[1 : len(m)-1]
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return e, false
	}
	if e.site.Func, ok = strings.CutPrefix(rest[0], "func:"); !ok {
		return e, false
	}
	e.live = Live{uint64(max(0, bytes)), calls}
	e.wrong = bytes < 0 || slices.Contains(rest, "accurate:no")
	return e, true
}

// At returns what is live of a line. The compiler's paths in debugging information and here
// may begin at different folders, so files are equal if one path is the end of the other;
// an empty Func is any. ok is false if the table does not have the line, if several files
// of that name have it, or if the kernel has lost count of it.
func (t *Table) At(s Site) (live Live, ok bool) {
	file := ""
	for _, e := range t.live[s.place()] {
		if !sameFile(e.site.File, s.File) || s.Func != "" && s.Func != e.site.Func {
			continue
		}
		if e.wrong || file != "" && file != e.site.File {
			return Live{}, false
		}
		// One line may allocate at several places, or be compiled into several functions.
		file = e.site.File
		live.Bytes += e.live.Bytes
		live.Calls += e.live.Calls
	}
	return live, file != ""
}

// sameFile reports whether one path is the other one, or its end.
func sameFile(a, b string) bool {
	a, b = path.Clean(a), path.Clean(b)
	if len(a) < len(b) {
		a, b = b, a
	}
	return strings.HasSuffix(a, b) && (len(a) == len(b) || a[len(a)-len(b)-1] == '/')
}
