// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

// Call is a frame with what is known about it. Its slices are shared and must not be
// modified.
type Call struct {
	Frame   Frame
	Places  [][]Pos // distinct ones that fit equally well, each with the innermost inlined function first
	Module  string  // "" for the kernel image, or if it is not known
	File    string  // path of the object file, "" if none was found
	BuildID string  // of File, in hex; "" if it has none
	Facts
	Problem Problem // what Err is about
	Err     error   // why there is no place, or why it is not to be trusted

	machine machine // of File, the zero value if there is none or it is not known

	lay lay    // of a bare address that was found by its text
	by  string // of a function that was left by a jump: path of the file that calls it
}

// Facts is the evidence for and against the places of a frame. The caller draws
// conclusions.
type Facts struct {
	Kind     Kind
	Fits     int   // how many distinct places fit equally well
	SameName bool  // the symbol's name is the printed one, to the last number
	SizeFits bool  // some kernel would print the size for this place
	Build    Build // of file and frame
	Foreign  Foreign
	Ends     Ends   // whether a call ends in front of the place
	Beyond   bool   // the offset is beyond the printed size, or beyond the function in the file
	Link     Link   // to the frame above; LinkSilent if it was not examined
	Lead     string // of a LinkTail: the functions that were left by jumps, the outermost first
	Part     bool   // not all functions at the place could be read
	Misfit   *Frame // another frame that does not fit the file, whose build ID is not known to be right; or nil
	Alone    bool   // of a function that was left by a jump: the frame below called it, and more may lie above it
	InText   bool   // bare addresses were found in the file by its text
	Text     *Text  // a bare address that was found by the text of files; nil if not
	Chosen   string // in words, which build of the module was taken; "" if there is one only
	Evidence string // in words, for the place of a bare address, or for a function that was left by a jump
}

// Text is the evidence for a bare address that is in no known module. Only its
// distance from the start of a page is known, and what its neighbours call.
type Text struct {
	Candidates int  // places in all files that fit
	Named      bool // the backtrace has frames of the module by name
	Init       bool // it is in init code, whose memory is freed
	Supports   int  // how many neighbours agree
	Sole       bool // there is only one module that it may be in
	Known      bool // another backtrace shows that the module's code lay there
	Local      bool // it calls a function of its own module, or is known together with one that does
}

// Kind is how a call became known.
type Kind uint8

const (
	Printed   Kind = iota // the kernel printed a name
	Recovered             // the kernel printed a bare address
	Elided                // the kernel printed nothing: the function had jumped to another one
)

// Build is whether a file has the build ID of the code that was running.
type Build uint8

const (
	BuildUnknown Build = iota
	BuildSame
	BuildOther
)

// Foreign says what a file was made for, where the build IDs are not known to be the same.
type Foreign uint8

const (
	ForeignNot     Foreign = iota // for what the report is of, as far as is known
	ForeignPerhaps                // for a kernel of another release, which the report's may have accepted by its versions of symbols; or one of two machines
	ForeignKernel                 // for a kernel of another release
	ForeignMachine                // for addresses of another size, or another machine
)

// Ends says whether a call ends in front of an address.
type Ends uint8

const (
	EndsUnknown Ends = iota
	EndsCall
	EndsDenied
)

// Link is the relation between the call that a frame returns to and the function of
// the frame above.
type Link int8

const (
	LinkDenied Link = iota - 1 // the call does not lead there
	LinkSilent                 // the code does not show it
	LinkTail                   // the called function leads there by jumps
	LinkDirect                 // the call is of this very function
)

// Problem is the class of an error. The values are those of the type of this name in
// package kmemleak.
type Problem uint8

const (
	ProblemNone Problem = iota
	ProblemNoFile
	ProblemNoDebug
	ProblemNoFunction
	ProblemOtherBuild
	ProblemNotAfterCall
	ProblemBeyond
	ProblemOtherCallee
	ProblemAmbiguous
	ProblemWeak
	ProblemNoMemory
	ProblemOutside
	ProblemHidden
	ProblemPart
	ProblemSuspect
	ProblemClosed
	ProblemOther
)

// denies reports whether a frame cannot mean a place with this problem.
func (p Problem) denies() bool {
	return p == ProblemOtherBuild || p == ProblemNotAfterCall || p == ProblemBeyond || p == ProblemOtherCallee
}
