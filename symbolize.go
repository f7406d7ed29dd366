// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Symbolizer turns frames into source positions, out of the debugging information
// of modules and of the kernel image.
//
// The zero value serves the running kernel and looks in the standard places. The
// fields must not change once it is in use. Many goroutines may share a
// Symbolizer. Files are opened when a frame asks for them and stay mapped until
// Close, at most 16 at a time. What was unpacked is kept in memory, up to 256 MiB.
//
// The standard places are those of Debian, Ubuntu, Fedora, SUSE and Arch Linux, of
// what is derived from them, and of kernels that were built on the machine. Files in
// them that are of another build than the running kernel, or than the module that is
// loaded, give answers that are Contradicted, unless another Release is set.
//
// It reads ELF files of any Linux architecture, with DWARF versions 2 to 5; no
// kernel and no other program is needed.
type Symbolizer struct {
	// Release is the kernel release, as uname -r prints it, whose files are
	// looked for in the standard places. "" is the running kernel's.
	Release string

	// Dirs are searched first: object files (.ko, vmlinux, .debug, also packed
	// with gzip, xz or zstd) and folders that hold such, at any depth. In names of
	// modules '-' and '_' are equal. A stripped file and its debug file are used
	// together, if their build IDs are the same. Of several builds of one module the
	// one with the build ID of the frame, or of Modules, is used; if there is none,
	// the first that is found, whichever kernel it is of.
	Dirs []string

	// Debuginfod says which servers are asked for files that are not found. nil is
	// what the environment says: nothing is loaded unless $DEBUGINFOD_URLS is set,
	// as for other programs that use such servers.
	Debuginfod *Debuginfod

	// Modules tells where modules lay in memory, which is what resolves a bare
	// address, and their build IDs. See [LoadedModules].
	Modules []Module

	// Sources are source trees. A source file that is not where the debugging
	// information says is looked for in them.
	Sources []string

	// Paths replaces the beginnings of source paths; the first entry that fits
	// is used. It comes before everything else that is done to a path.
	Paths []PathPrefix

	root       string // for tests: where the standard places are
	finderOnce sync.Once
	find       *debugfile.Finder

	mu       sync.Mutex
	closed   bool
	objects  map[objectKey]*object
	clock    uint64 // counts uses of objects
	loadable map[string]bool

	loadedOnce sync.Once
	loaded     []loadedSection // by address

	results resultCache
	links   linkCache
	bare    bareCache
	sources sourceCache
}

// PathPrefix says where the files of a source tree are. It fits a path that begins
// with Old, up to a '/' or to the end.
type PathPrefix struct {
	Old string // as in the debugging information
	New string // what to replace it with
}

// Pos is a place in source code.
type Pos struct {
	Func    string // name of the function, demangled; "" if not known
	File    string // path to show: one that exists here if there is one
	RawFile string // path as the compiler recorded it, its pieces joined and otherwise untouched
	Line    int    // from 1; 0 if not known
	Column  int    // from 1; 0 if not known
	Inlined bool   // the function was inlined into that of the next Pos
}

// String gives function, file and line: "myfunc hello.c:10".
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

// Call is a frame with what is known of it.
type Call struct {
	Frame      Frame
	Pos        []Pos // innermost inlined function first; empty if not known
	Kind       Kind
	Confidence Confidence

	// Others are the further places that fit an ambiguous frame as well as Pos.
	Others [][]Pos

	// Module is the module that the code is in, also where the frame does not tell;
	// "" for the kernel image, or if it is not known. Where the frame has none it
	// is as sure as Confidence.
	Module string

	// Object is the file that the answer is from, "" if none was found. Of a
	// stripped file and its debug file it is the former.
	Object string

	// Reason says in words what a Proved, Recovered or Elided answer rests on; ""
	// if there is nothing to say beyond Confidence.
	Reason string

	// Err says why there is no position, or why it is not to be trusted.
	Err error
}

// Kind says how a [Call] came to be known.
type Kind uint8

const (
	Printed   Kind = iota // the kernel printed a name
	Recovered             // the kernel printed a bare address
	Elided                // the kernel printed nothing: the function had jumped to another one
)

// String gives "printed", "recovered" or "elided".
func (k Kind) String() string { return name(int(k), kinds...) }

var kinds = []string{"printed", "recovered", "elided"}

// MarshalText is for encoding/json and others; it gives what String does.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText gives; other text is an error.
func (k *Kind) UnmarshalText(b []byte) error {
	i := slices.Index(kinds, string(b))
	if i < 0 {
		return fmt.Errorf("kind of call %q is not known", clip(b))
	}
	*k = Kind(i)
	return nil
}

// Confidence says what an answer rests on. More is better, and anything below
// Assumed must not be shown as a fact.
//
//	             place    name    size     a call      and
//	             in file          printed  ends there
//	Proved       one      same    fits     yes         it calls the function of the frame above, or one that leads there
//	                                                   by jumps; or the build IDs agree
//	Consistent   one      same    fits     not denied
//	Assumed      one      any     any      not denied  the size is missing or no rule gives it, or the
//	                                                   compiler's suffix number differs (.isra.0, .isra.1), or
//	                                                   another frame contradicts the same file, or not
//	                                                   all functions at the place could be read, says Err
//	Ambiguous    several  same    equal    equal       and their source positions differ
//	Contradicted any      any     any      any         the offset is beyond the function, the code shows that no
//	                                                   call ends there or that it is of a function that does not
//	                                                   lead to the frame above, or the build IDs differ
//
// A size fits if some kernel would compute it for that place, see [Frame]. Below
// the entry of an interrupt no call is asked for. Calls through pointers, and those
// that the kernel replaces when it starts, neither prove nor deny anything.
//
// A bare address has no name and no size; in their place its section of a module
// is known, from [Symbolizer.Modules]. Without that, a bare address is looked for
// in the files of the modules that [Symbolizer.Dirs] names and in those of the
// modules that the backtrace names, among the places at its distance from the
// start of a page where a call ends. If one is left of these, it is
//
//	Consistent   in the freed init code of a module that the backtrace names, and a neighbour agrees
//	Assumed      both neighbours agree: the call is of the frame above, and the frame below calls this function;
//	             and the module is the only one that is given, or one of the two is a function of the same module
//	Ambiguous    less than that speaks for it
//
// and Assumed means here that the right module is among those given. If several
// are left they are Ambiguous.
//
// A function that was left by a jump has the confidence of the frame whose call
// leads to it.
type Confidence uint8

const (
	Unresolved   Confidence = iota // there is no answer; Err says why
	Contradicted                   // what was found cannot be what the kernel meant
	Ambiguous                      // several places fit, or too little speaks for the one
	Assumed                        // nothing speaks against it
	Consistent                     // everything that can be checked fits
	Proved                         // and it could not be another place
)

// String gives the name in lower case.
func (c Confidence) String() string { return name(int(c), confidences...) }

var confidences = []string{"unresolved", "contradicted", "ambiguous", "assumed", "consistent", "proved"}

// MarshalText is for encoding/json and others; it gives what String does.
func (c Confidence) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText gives; other text is an error.
func (c *Confidence) UnmarshalText(b []byte) error {
	i := slices.Index(confidences, string(b))
	if i < 0 {
		return fmt.Errorf("confidence %q is not known", clip(b))
	}
	*c = Confidence(i)
	return nil
}

func name(i int, names ...string) string {
	if i < len(names) {
		return names[i]
	}
	return "unknown"
}

// Resolve gives the source position of the call that a frame returns to, and those
// of the functions that it was inlined into: the innermost first, as many as the
// compiler inlined, and the function itself last.
//
// The frame's address is that of the instruction after the call; the position is
// that of the call.
//
// Positions beside an error are what the file says in spite of a reason not to
// trust it, see [Confidence]; there are none if the frame could not be found. The
// error matches [io/fs.ErrNotExist] if there is no file to look into, or none with
// debugging information, and then lists where one was looked for and which package
// of the distribution has it.
func (s *Symbolizer) Resolve(f Frame) ([]Pos, error) {
	r := s.resolve(question{frame: f})
	if len(r.answers) == 0 {
		return nil, r.err
	}
	pos := slices.Clone(r.answers[0].pos)
	switch {
	case r.err != nil:
		return pos, r.err
	case len(distinct(r.answers)) > 1:
		return pos, r.ambiguity(f)
	}
	return pos, nil
}

// terminator reports whether f is no frame but the mark that Linux printed at the
// end of backtraces until 5.2.
func (f Frame) terminator() bool {
	return f.Func == "" && (f.Addr == 1<<64-1 || f.Addr == 1<<32-1)
}

// Close releases all files. Answers that were given stay valid. Using the
// Symbolizer after Close gives errors that match [io/fs.ErrClosed], but for frames
// that it remembers.
func (s *Symbolizer) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.drop()
}

// drop closes all files, those in use when they no longer are.
func (s *Symbolizer) drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for key, o := range s.objects {
		delete(s.objects, key)
		o.dropped = true
		if o.users == 0 {
			errs = append(errs, o.close())
		}
	}
	return errors.Join(errs...)
}

// resolve finds out what a frame means, by itself.
func (s *Symbolizer) resolve(q question) *resolution {
	if r := s.results.get(q); r != nil {
		return r
	}
	r := &resolution{frame: q.frame, exact: q.exact}
	if err := kobj.Guard(func() error {
		s.examine(q, r)
		return nil
	}); err != nil {
		*r = resolution{frame: q.frame, err: err}
		// What was being read of the file is half done.
		_ = s.drop()
	}
	// Where there was no good file there may be one later.
	if r.object != "" {
		s.results.put(q, r)
	}
	return r
}
