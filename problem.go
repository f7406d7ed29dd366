// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "github.com/kmemleak/kmemleak/internal/resolve"

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
