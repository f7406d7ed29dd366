// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/kmemleak/kmemleak/internal/blame"
	"github.com/kmemleak/kmemleak/internal/resolve"
)

// Symbolizer turns frames into source positions, using the debugging information of
// modules and of the kernel image.
//
// The zero value is for the running kernel and searches the standard places. The
// fields must not be changed after first use. A Symbolizer may be used by several
// goroutines at once. It opens files when a frame needs them, and keeps at most 16 of
// them mapped until Close. Unpacked files are kept in memory, up to 256 MiB.
//
// The standard places are those of Debian, Ubuntu, Fedora, SUSE, Arch Linux and their
// derivatives, and of kernels that were built on the machine. If a file there is of
// another build than the running kernel or the loaded module, answers from it are
// Contradicted, unless another Release is set.
//
// It reads ELF files of any Linux architecture, with DWARF versions 2 to 5. It needs
// no kernel and no other program.
type Symbolizer struct {
	// Release is the kernel release, as uname -r prints it, whose files are looked
	// for in the standard places. "" means the release of the running kernel. If it is
	// set, files in Dirs that are of another release (vermagic, linux_banner) are not trusted.
	// A release without its last parts, such as 6.12, stands for all that begin so.
	Release string

	// Dirs are searched first. Each is an object file (.ko, vmlinux, .debug, also
	// packed with gzip, xz or zstd) or a folder that holds object files at any depth.
	// The name of a module is what its .modinfo says, else that of the file; '-' and '_'
	// are equal. A stripped file and its debug file are used together if their build IDs
	// are the same. Of several builds of one module, or of the kernel image, the one with
	// the build ID of the frame, or of Modules, is used; if there is none, one of Release,
	// and of these the one that the frames of the backtrace fit best. A build that did not
	// fit a backtrace that another one fitted is not tried for later ones.
	Dirs []string

	// Debuginfod configures the servers that are asked for files that are not found.
	// If nil, the environment configures them, as for other clients of such servers:
	// nothing is downloaded unless $DEBUGINFOD_URLS is set.
	Debuginfod *Debuginfod

	// Modules is where modules were in memory, which resolves bare addresses, and
	// their build IDs. See [Detector.Snapshot].
	Modules []Module

	// Sources are source trees. They are searched for a source file that is not where
	// the debugging information says.
	Sources []string

	// Paths replaces the beginnings of source paths, before anything else is done to
	// a path. The first entry that fits is used.
	Paths []PathPrefix

	root string // for tests: where the standard places are
	once sync.Once
	made *resolve.Resolver
}

// PathPrefix maps the path of a source tree to where the tree is. It fits a path that
// begins with Old, up to a '/' or to the end.
type PathPrefix struct {
	Old string // as in the debugging information
	New string // what to replace it with
}

// Debuginfod configures the servers from which a [Symbolizer] downloads files that
// are not on this machine. The servers have debugging information by build ID;
// distributions run them (https://sourceware.org/elfutils/Debuginfod.html). The zero
// value downloads nothing, whatever the environment says.
//
// A module's build ID comes from its frame, from [Symbolizer.Modules], from the
// running kernel or from a stripped file that was found. Without a build ID nothing
// is downloaded. Only the kernel image and modules that frames belong to are
// downloaded. A downloaded file must have the build ID.
//
// Files are kept in the folder of elfutils' clients, such as gdb and perf, and shared
// with them: $DEBUGINFOD_CACHE_PATH, or debuginfod_client in $XDG_CACHE_HOME or
// ~/.cache. If a server does not have a file, it is not asked for it again for ten
// minutes. A server that does not answer is not asked for anything for as long.
//
// Resolving a frame takes as long as downloading what it needs. The limits bound
// that; each is for one file. The context of [Symbolizer.Prefetch] can end it.
type Debuginfod struct {
	URLs    []string      // servers, such as "https://debuginfod.debian.net", asked in this order; if empty, nothing is downloaded
	MaxSize int64         // bytes; 0 means 4 GiB
	MaxTime time.Duration // 0 means an hour
	Timeout time.Duration // for each 100 KiB, and for the first answer; 0 means 90 seconds
	Retries int           // after failures other than "not found"; 0 means 2, a negative number none

	// Progress, if not nil, is called about ten times a second with the number of
	// bytes received and their total, -1 if that is not known. If it returns an
	// error, the download ends, and the error is part of that of the frame. It may be
	// called by several goroutines at once.
	Progress func(url string, done, total int64) error
}

// EnvironmentDebuginfod returns the configuration in the environment, by the
// variables of debuginfod-client-config(7); nil if $DEBUGINFOD_URLS is not set. A
// [Symbolizer] without a Debuginfod uses it.
func EnvironmentDebuginfod() *Debuginfod {
	d := resolve.EnvironmentServer()
	if d == nil {
		return nil
	}
	return &Debuginfod{URLs: d.URLs, MaxSize: d.MaxSize, MaxTime: d.MaxTime, Timeout: d.Timeout, Retries: d.Retries}
}

// Resolve returns the source position of the call that a frame returns to, and those
// of the functions that it was inlined into: the innermost first, and the function
// itself last.
//
// The frame's address is that of the instruction after the call; the position is
// that of the call.
//
// Positions returned with an error are what the file says, although there is a reason
// not to trust it, see [Confidence]. There are none if the frame was not found. The
// error matches [io/fs.ErrNotExist] if there is no file, or none with debugging
// information; it then lists where one was looked for, and the package of the
// distribution that has it.
//
// Resolve may download files that Prefetch has not downloaded, within the limits of
// Debuginfod.
func (s *Symbolizer) Resolve(f Frame) ([]Pos, error) {
	if f.isTerminator() {
		return nil, errors.New("not a frame, but the mark at a backtrace's end")
	}
	places, err := s.resolver().Frame(resolve.Frame(f))
	if len(places) == 0 {
		return nil, err
	}
	if err == nil && len(places) > 1 {
		err = ambiguity(&resolve.Call{Frame: resolve.Frame(f), Places: places})
	}
	return positions(places[0]), err
}

// Backtrace returns a Call for each frame in the same order, the innermost first.
// Between them it inserts a Call for each function that the kernel lost because it
// was left by a jump. Frames check each other: the call that a frame returns to must
// be of the function of the frame above, or of one that leads there by jumps.
//
// The all-ones address at the end of an old kernel's backtrace is left out. Frames
// that a decoding tool marked as inlined are places of the frame that they were
// inlined into. The positions that such a tool found are the answer if the Symbolizer
// has none, or if s is nil.
//
// Backtrace may download files as Resolve does.
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

// Calls returns what is known about the frames of a leak: the result of Backtrace, or
// the Calls that the leak comes with if s is nil.
func (s *Symbolizer) Calls(l Leak) []Call {
	if s == nil && l.Calls != nil {
		return l.Calls
	}
	return s.backtrace(l.Backtrace, l.Addr)
}

// Prefetch downloads from the servers of Debuginfod what Resolve and Backtrace will
// need for the backtraces. When ctx ends, it returns the cause; what it has
// downloaded so far stays on the disk. It is not an error here if a server does not
// have a file or does not answer: the errors of the frames report that. Without
// servers Prefetch does nothing. After Close the error matches [io/fs.ErrClosed].
//
// The backtraces are read in the calling goroutine, and are not used after Prefetch
// returns.
func (s *Symbolizer) Prefetch(ctx context.Context, backtraces iter.Seq[[]Frame]) error {
	return s.resolver().Prefetch(ctx, func(yield func([]resolve.Frame) bool) {
		for bt := range backtraces {
			if !yield(resolvable(bt)) {
				return
			}
		}
	})
}

// Close releases all files. Answers that were returned stay valid. After Close other
// methods return errors that match [io/fs.ErrClosed], except for frames that the
// Symbolizer remembers.
func (s *Symbolizer) Close() error { return s.resolver().Close() }

// resolver returns the Resolver behind s, which it makes at the first call.
func (s *Symbolizer) resolver() *resolve.Resolver {
	s.once.Do(func() {
		files := &resolve.Finder{Root: s.root, Release: s.Release, Dirs: s.Dirs}
		d := s.Debuginfod
		if d == nil {
			d = EnvironmentDebuginfod()
		}
		if d != nil && len(d.URLs) > 0 {
			files.Server = &resolve.Server{URLs: d.URLs, MaxSize: d.MaxSize, MaxTime: d.MaxTime, Timeout: d.Timeout, Retries: d.Retries, Progress: d.Progress}
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

// resolvable returns the frames of a backtrace without the mark at its end.
func resolvable(bt []Frame) []resolve.Frame {
	frames := make([]resolve.Frame, 0, len(bt))
	for _, f := range bt {
		if !f.isTerminator() {
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

// judge makes a Call of the facts about a frame.
func judge(found *resolve.Call) Call {
	c := Call{
		Frame: Frame(found.Frame), Kind: Kind(found.Kind), Module: found.Module, ObjectFile: found.File, BuildID: found.BuildID,
		Problem: problemOf[found.Problem], Err: found.Err,
	}
	var long briefer
	if errors.As(found.Err, &long) {
		c.Err = briefError{found.Err, strings.Replace(found.Err.Error(), long.Error(), long.Brief(), 1)}
	}
	r := ruleFor(&found.Facts)
	c.Confidence = r.is
	if r.reason != nil {
		c.Reason = r.reason(&found.Facts)
	} else if found.Kind == resolve.Elided {
		c.Reason = found.Evidence
	}
	if c.Confidence >= Assumed && found.Chosen != "" {
		c.Reason = strings.TrimPrefix(c.Reason+"; "+found.Chosen, "; ")
	}
	if len(found.Places) > 0 {
		c.Pos = positions(found.Places[0])
	}
	if r.problem != nil {
		c.Problem, c.Err = r.problem.problem, r.problem.err(found)
	}
	if c.Problem == ProblemAmbiguous {
		for _, other := range found.Places[1:] {
			c.Others = append(c.Others, positions(other))
		}
	}
	return c
}

// briefer is an error that lists the places where a file was looked for. They are the same
// for most frames of a backtrace, whose errors have their number only.
type briefer interface {
	error
	Brief() string
}

// briefError is the error of a Call. It unwraps to the one with the list.
type briefError struct {
	error
	text string
}

func (e briefError) Error() string { return e.text }
func (e briefError) Unwrap() error { return e.error }

// ObjectGuess is a type that a leaked object may have.
type ObjectGuess struct {
	Type     string        // as in C: "struct greeting"
	Size     uint64        // of the type, in bytes; at most the object's
	Variable string        // the pointer that suggests the type
	Func     string        // the function that Variable belongs to
	Reason   string        // the evidence, in words
	Fields   []ObjectField // the first bytes of the object as fields of Type; nil if none were dumped
}

// ObjectField is a part of a leaked object as a field of its type. Fields of
// structures inside structures have names such as "head.next".
type ObjectField struct {
	Name   string
	Type   string
	Offset uint64 // in the object
	Size   uint64
	Value  string // readable; cut off where the dump ends, with "…"
}

// ObjectType guesses what a leaked object is. It looks at the pointers of the
// function that allocated it, and of those that this function was inlined into or handed
// it to, up to the owner: at
// the pointer that the allocation was assigned to, if the compiler recorded where
// variables are, and at pointers to types of a size for which the kernel allocates as
// much as the object has. The likeliest guesses come first. They stay guesses: an
// object can be part of another one, or contain more than one structure.
//
// If there is no guess, the result is empty. An error means that the function could
// not be looked into; it matches [io/fs.ErrNotExist] if there is no file.
func (s *Symbolizer) ObjectType(l Leak) ([]ObjectGuess, error) {
	none := errors.New("no function but those of the allocator is known")
	handed := false // the function above has handed the object on
	for _, c := range s.Backtrace(l.Backtrace) {
		f, _ := c.code()
		if handed && blame.Entry(f.Name) {
			break
		}
		passed := blame.Pass(f).Maker // its caller has the object, too
		unsure := c.Kind == KindElided || c.Confidence < Assumed
		if blame.Allocator(f.Name) || c.Frame.Func != "" && c.Frame.Inlined || unsure && passed {
			continue
		}
		if unsure {
			// It is not certain what allocated it. The functions below did not.
			return nil, cmp.Or(c.Err, errors.New("the function that allocated the object is not known"))
		}
		found, err := s.resolver().Types(resolvable(l.Backtrace), resolve.Frame(c.Frame), l.Size, l.Data)
		var guesses []ObjectGuess
		for _, g := range found {
			guess := ObjectGuess{Type: g.Type, Size: g.Size, Variable: g.Variable, Func: g.Func, Reason: g.Reason}
			for _, f := range g.Fields {
				guess.Fields = append(guess.Fields, ObjectField(f))
			}
			guesses = append(guesses, guess)
		}
		if len(guesses) > 0 || !passed {
			return guesses, err
		}
		handed, none = true, err
	}
	return nil, none
}
