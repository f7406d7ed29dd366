// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

// Package resolve finds out what the frames of backtraces mean: the places in object
// files that a printed name, or a bare address, may stand for, what calls end there,
// and which functions between two frames were left by a jump.
//
// It finds facts and does not judge them: see [Facts]. A frame is looked at by itself
// first (frame.go, address.go). Then bare addresses that are in no known module are
// checked against their neighbours (run.go), and so are names that fit several places
// (backtrace.go).
package resolve

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Frame is a line of a backtrace; see the type of this name of package kmemleak.
type Frame struct {
	Addr   uint64
	Func   string
	Offset uint64
	Size   uint64
	Module string

	BuildID string
	File    string
	Line    int
	Inlined bool
}

// Pos is a place in source code; see the type of this name of package kmemleak.
type Pos struct {
	Func    string
	File    string
	RawFile string
	Line    int
	Column  int
	Inlined bool
	Returns string
}

// String returns function, file and line: "myfunc hello.c:10".
func (p Pos) String() string {
	s := p.Func
	if p.File != "" {
		s = strings.TrimPrefix(s+" "+p.File, " ")
	}
	if p.Line != 0 {
		s += fmt.Sprintf(":%d", p.Line)
	}
	if p.Inlined {
		s += " (inlined)"
	}
	return s
}

// PathPrefix maps the path of a source tree to where the tree is.
type PathPrefix struct {
	Old string
	New string
}

// Config configures a [Resolver].
type Config struct {
	Files    *debugfile.Finder
	Modules  []Module
	Sources  []string     // source trees
	Paths    []PathPrefix // replacements of the beginnings of source paths
	Describe func(Frame) string

	// Allocates reports whether the function of a name is one of the kernel's
	// allocators, which do not know what they allocate for. Types needs it.
	Allocates func(name string) bool

	// Firm reports whether enough is known about a frame by itself to check it
	// against the frame above.
	Firm func(*Facts) bool
}

// Resolver resolves frames. It is safe for concurrent use.
type Resolver struct {
	Config
	images images
	memory memory
	source sources
	links  linker
	frames cache[question, *resolution]
	runs   cache[string, []*resolution]
	builds builds
	lays   lays

	moduleBits int // what the addresses of Modules tell, see bits
}

// New returns a Resolver. The caller must close it.
func New(c Config) *Resolver {
	r := &Resolver{
		Config: c,
		images: images{files: c.Files},
		memory: memory{modules: c.Modules},
		source: sources{release: c.Files.Kernel, trees: c.Sources, prefixes: c.Paths},
	}
	for i := range c.Modules {
		for _, at := range c.Modules[i].Sections {
			r.moduleBits = max(r.moduleBits, bitsOf(at, true))
		}
	}
	r.links = linker{images: &r.images, memory: &r.memory, source: &r.source, allocates: c.Allocates}
	return r
}

// Close releases all files. Answers that were returned stay valid. Later calls return
// errors that match [io/fs.ErrClosed], except for frames that are remembered.
func (r *Resolver) Close() error {
	err := r.images.close()
	r.builds.mu.Lock()
	defer r.builds.mu.Unlock()
	for _, v := range r.builds.with {
		err = errors.Join(err, v.Close())
	}
	return err
}

// question is a frame to resolve.
type question struct {
	frame Frame
	exact bool // the address is of an interrupted instruction, not of a call
	bits  int  // of the report's addresses, 0 if not known
}

// bits returns the size of the addresses of the kernel that a backtrace and another
// address are of, 0 if they do not tell.
func (r *Resolver) bits(bt []Frame, addr uint64) int {
	bits := max(r.moduleBits, bitsOf(addr, true))
	for i := range bt {
		bits = max(bits, bitsOf(bt[i].Addr, bt[i].Func == ""))
	}
	return bits
}

// bitsOf returns the size that an address tells, or 0. Low ones may be something else:
// that of an object an offset in per-CPU memory, and that of a name a hash of 32 bits (%p
// since Linux 4.15), which is not real.
func bitsOf(addr uint64, real bool) int {
	const lowest = 1 << 30
	switch {
	case addr>>32 != 0:
		return 64
	case real && addr >= lowest:
		return 32
	}
	return 0
}

// Frame returns the distinct places that a frame may mean by itself, and the error,
// like Places and Err of a [Call].
func (r *Resolver) Frame(f Frame) ([][]Pos, error) {
	if len(r.several(ModuleName(f.Module), r.bits([]Frame{f}, 0))) > 0 {
		c := r.Backtrace([]Frame{f}, 0)[0]
		return c.Places, c.Err
	}
	x := r.resolve(question{frame: f, bits: r.bits([]Frame{f}, 0)})
	return x.places, x.err
}

// resolve finds out what a frame means, by itself.
func (r *Resolver) resolve(q question) *resolution {
	if known, ok := r.frames.get(q); ok {
		return known
	}
	x := &resolution{frame: q.frame, exact: q.exact}
	if err := kobj.Guard(func() error {
		r.examine(q, x)
		return nil
	}); err != nil {
		*x = resolution{frame: q.frame, trouble: trouble{ProblemOther, err}}
		// The reading of the file was interrupted half-way.
		_ = r.images.drop()
	}
	x.places = distinct(x.answers)
	// If there is no good file now, there may be one later.
	if x.file != "" {
		r.frames.put(q, x)
	}
	return x
}

// wanted returns the build ID that the file of a module should have, "" if it is not
// known. printed is that of the frame.
func (m *memory) wanted(module, printed string) string {
	if known := m.module(module); known != nil {
		return cmp.Or(printed, known.BuildID)
	}
	return printed
}
