// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"github.com/kmemleak/kmemleak/internal/resolve"
)

// Pos is a place in source code.
type Pos struct {
	Func    string // name of the function, demangled; "" if not known
	File    string // path to show: one that exists here if there is one
	RawFile string // path as the compiler recorded it, its pieces joined and otherwise untouched
	Line    int    // from 1; 0 if not known
	Column  int    // from 1; 0 if not known
	Inlined bool   // the function was inlined into that of the next Pos
}

// String returns function, file and line: "myfunc hello.c:10".
func (p Pos) String() string { return resolve.Pos(p).String() }

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

	// ObjectFile is the file that the answer is from, "" if none was found. Of a
	// stripped file and its debug file it is the former.
	ObjectFile string

	// BuildID is that of ObjectFile, in hex; "" if it has none.
	BuildID string

	// Reason says in words what a Proved, Recovered or Elided answer rests on; ""
	// if there is nothing to say beyond Confidence.
	Reason string

	// Problem says what Err is about; it is ProblemNone if and only if Err is nil.
	Problem Problem

	// Err says why there is no position, or why it is not to be trusted.
	Err error
}

// Kind says how a [Call] came to be known.
type Kind uint8

const (
	KindPrinted   Kind = iota // the kernel printed a name
	KindRecovered             // the kernel printed a bare address
	KindElided                // the kernel printed nothing: the function had jumped to another one
)

// String returns "printed", "recovered" or "elided".
func (k Kind) String() string { return name(int(k), kinds...) }

var kinds = []string{"printed", "recovered", "elided"}

// MarshalText is for encoding/json and others; it returns what String does.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText returns; other text is an error.
func (k *Kind) UnmarshalText(b []byte) error {
	return parseName(k, b, "kind of call", kinds)
}

// Problem says what the error of a [Call] is about.
type Problem uint8

const (
	ProblemNone         Problem = iota // nothing is wrong
	ProblemNoFile                      // there is no object file of the module, or of the kernel image
	ProblemNoDebug                     // the file has no debugging information, or none for the place
	ProblemNoFunction                  // the file has no function of this name
	ProblemOtherBuild                  // the file is of another build than what was running
	ProblemNotAfterCall                // no call ends at the place
	ProblemBeyond                      // the offset is beyond the size, or beyond the function in the file
	ProblemOtherCallee                 // the call is of a function that does not lead to that of the frame above
	ProblemAmbiguous                   // see Others
	ProblemWeak                        // one place fits, and too little speaks for it
	ProblemNoMemory                    // a bare address, and it is not known where modules lay
	ProblemOutside                     // a bare address, and it is in none of the modules
	ProblemHidden                      // a bare address, and the kernel has hidden where modules lay
	ProblemPart                        // not all functions at the place could be read
	ProblemSuspect                     // the file may be of another build: another frame does not fit it
	ProblemClosed                      // the Symbolizer was closed
	ProblemOther                       // anything else: a damaged file, for example
)

// The values of both packages are the same.
var _ = [1]int{}[ProblemOther-Problem(resolve.ProblemOther)]

// String returns a few words, such as "no file".
func (p Problem) String() string { return name(int(p), problems...) }

var problems = []string{
	"none",
	"no file",
	"no debugging information",
	"no such function",
	"other build",
	"not after a call",
	"beyond the function",
	"calls another function",
	"several places fit",
	"too little evidence",
	"unknown memory",
	"in no known module",
	"hidden addresses",
	"incomplete debugging information",
	"doubtful file",
	"closed",
	"other",
}

// MarshalText is for encoding/json and others; it returns what String does.
func (p Problem) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText returns; other text is an error.
func (p *Problem) UnmarshalText(b []byte) error {
	return parseName(p, b, "problem", problems)
}
