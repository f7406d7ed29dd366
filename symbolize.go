// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"

	"github.com/kmemleak/kmemleak/internal/resolve"
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
	// looked for in the standard places. "" is the running kernel's. If it is set, modules
	// in Dirs that were made for another one (vermagic) are not trusted; one without its
	// last parts, such as 6.12, stands for all that begin so.
	Release string

	// Dirs are searched first: object files (.ko, vmlinux, .debug, also packed
	// with gzip, xz or zstd) and folders that hold such, at any depth. The name of a
	// module is what its .modinfo says, else that of the file; '-' and '_' are equal. A stripped file and its debug file are used
	// together, if their build IDs are the same. Of several builds of one module the
	// one with the build ID of the frame, or of Modules, is used; if there is none, one of
	// Release, and of these the one that the frames of the backtrace fit best. A build that
	// did not fit a backtrace, where another one did, is not tried for later ones.
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

	root string // for tests: where the standard places are
	once sync.Once
	made *resolve.Resolver
}

// PathPrefix says where the files of a source tree are. It fits a path that begins
// with Old, up to a '/' or to the end.
type PathPrefix struct {
	Old string // as in the debugging information
	New string // what to replace it with
}

// Resolve returns the source position of the call that a frame returns to, and those
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
//
// It may load files, within the limits of Debuginfod, that Prefetch has not loaded.
func (s *Symbolizer) Resolve(f Frame) ([]Pos, error) {
	if f.IsTerminator() {
		return nil, errors.New("not a frame, but the mark at a backtrace's end")
	}
	places, err := s.resolver().Frame(resolve.Frame(f))
	if len(places) == 0 {
		return nil, err
	}
	if err == nil && len(places) > 1 {
		err = ambiguity(f, places)
	}
	return positions(places[0]), err
}

// Backtrace returns a Call for every frame in the same order, the innermost first, and in
// between one for every function that the kernel lost because it was left by a jump.
// Frames check each other: the call that a frame returns to must be of the function of
// the frame above, or of one that leads there by jumps.
//
// The all-ones address that old kernels end a backtrace with is left out. Frames that a
// decoding tool marked as inlined are places of the frame that they were inlined into.
// What such a tool found is the answer where the Symbolizer has none, and all that there
// is if s is nil.
//
// Backtrace may load files as Resolve does.
func (s *Symbolizer) Backtrace(bt []Frame) []Call { return s.backtrace(bt, 0) }

// backtrace is Backtrace, with an address of the same kernel or 0.
func (s *Symbolizer) backtrace(bt []Frame, addr uint64) []Call {
	decoded := decodedCalls(bt)
	if s == nil {
		return decoded
	}
	frames := make([]resolve.Frame, len(decoded))
	for i := range decoded {
		frames[i] = resolve.Frame(decoded[i].Frame)
	}
	found := s.resolver().Backtrace(frames, addr)
	calls := make([]Call, len(found))
	i := 0
	for k := range found {
		c := &calls[k]
		*c = judge(&found[k])
		if c.Kind == KindElided {
			continue
		}
		if d := decoded[i]; len(d.Pos) > 0 && (c.Confidence == Unresolved || c.ObjectFile == "") {
			if c.Problem != ProblemNoFile { // it has its place
				d.Problem, d.Err = c.Problem, c.Err
			}
			*c = d
		}
		i++
	}
	return calls
}

// Calls returns what is known of the frames of a leak: what Backtrace finds out, or if s is
// nil the Calls that the leak comes with.
func (s *Symbolizer) Calls(l Leak) []Call {
	if s == nil && l.Calls != nil {
		return l.Calls
	}
	return s.backtrace(l.Backtrace, l.Addr)
}

// Prefetch loads from the servers of Debuginfod what Resolve and Backtrace will need
// for the backtraces. It ends when ctx ends, with its cause; what it loaded until then
// remains on the disk. That a server does not have a file, or does not answer, is no
// error here: those of the frames say so. Without servers it does nothing. After Close
// the error matches [io/fs.ErrClosed].
//
// The backtraces are read in this goroutine, and are no longer used when it returns.
func (s *Symbolizer) Prefetch(ctx context.Context, backtraces iter.Seq[[]Frame]) error {
	return s.resolver().Prefetch(ctx, func(yield func([]resolve.Frame) bool) {
		for bt := range backtraces {
			if !yield(resolvable(bt)) {
				return
			}
		}
	})
}

// Close releases all files. Answers that were given stay valid. Using the
// Symbolizer after Close gives errors that match [io/fs.ErrClosed], but for frames
// that it remembers.
func (s *Symbolizer) Close() error { return s.resolver().Close() }

// resolver returns what does the work.
func (s *Symbolizer) resolver() *resolve.Resolver {
	s.once.Do(func() {
		files := &resolve.Finder{Root: s.root, Release: s.Release, Dirs: s.Dirs}
		servers := s.Debuginfod
		if servers == nil {
			servers = EnvironmentDebuginfod()
		}
		if servers != nil {
			files.Server = servers.client()
		}
		c := resolve.Config{
			Files:     files,
			Sources:   s.Sources,
			Describe:  func(f resolve.Frame) string { return Frame(f).String() },
			Allocates: isAllocator,
			Firm:      func(f *resolve.Facts) bool { return ruleFor(f).is > Ambiguous },
		}
		for _, m := range s.Modules {
			c.Modules = append(c.Modules, resolve.Module(m))
		}
		for _, p := range s.Paths {
			c.Paths = append(c.Paths, resolve.PathPrefix(p))
		}
		s.made = resolve.New(c)
	})
	return s.made
}

// resolvable returns the frames of a backtrace that stand for something.
func resolvable(bt []Frame) []resolve.Frame {
	frames := make([]resolve.Frame, 0, len(bt))
	for _, f := range bt {
		if !f.IsTerminator() {
			frames = append(frames, resolve.Frame(f))
		}
	}
	return frames
}

func positions(found []resolve.Pos) []Pos {
	if found == nil {
		return nil
	}
	pos := make([]Pos, len(found))
	for i, p := range found {
		pos[i] = Pos(p)
	}
	return pos
}

// judge makes the Call of what was found out about a frame.
func judge(found *resolve.Call) Call {
	c := Call{
		Frame: Frame(found.Frame), Kind: Kind(found.Kind), Module: found.Module, ObjectFile: found.File, BuildID: found.BuildID,
		Problem: Problem(found.Problem), Err: found.Err,
	}
	var long briefer
	if errors.As(found.Err, &long) {
		c.Err = briefError{found.Err, strings.Replace(found.Err.Error(), long.Error(), long.Brief(), 1)}
	}
	r := ruleFor(&found.Facts)
	c.Confidence = r.is
	switch {
	case found.Kind == resolve.Elided && found.Misfit == nil:
		c.Reason = found.Evidence
	case r.reason != nil:
		c.Reason = r.reason(&found.Facts)
	}
	if c.Confidence >= Assumed && found.Chosen != "" {
		c.Reason = strings.TrimPrefix(c.Reason+"; "+found.Chosen, "; ")
	}
	if len(found.Places) > 0 {
		c.Pos = positions(found.Places[0])
	}
	switch r.problem {
	case ProblemAmbiguous, ProblemWeak:
		c.Problem, c.Err = r.problem, ambiguity(c.Frame, found.Places)
		for _, other := range found.Places[1:] {
			c.Others = append(c.Others, positions(other))
		}
	case ProblemSuspect:
		c.Problem, c.Err = r.problem, fmt.Errorf("%s: found in a file that may be of another build", c.Frame)
	}
	return c
}

// briefer is an error that lists the places where a file was looked for. They are the same
// for most frames of a backtrace, which have their number only.
type briefer interface {
	error
	Brief() string
}

// briefError is such an error of a Call. It unwraps to the one with the list.
type briefError struct {
	error
	text string
}

func (e briefError) Error() string { return e.text }
func (e briefError) Unwrap() error { return e.error }

// ambiguity is the error of a frame with several places, or one that too little
// speaks for.
func ambiguity(f Frame, places [][]resolve.Pos) error {
	var b strings.Builder
	if len(places) == 1 {
		fmt.Fprintf(&b, "%s: one place fits, and too little speaks for it", f)
	} else {
		fmt.Fprintf(&b, "%s: ambiguous: %d places fit", f, len(places))
	}
	for i, pos := range places {
		if i == 8 {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %s", pos[0])
	}
	return errors.New(b.String())
}
