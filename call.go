// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "github.com/kmemleak/kmemleak/internal/resolve"

// Pos is a place in source code.
type Pos struct {
	Func    string // name of the function, demangled; "" if not known
	File    string // path to show, if possible one that exists here
	RawFile string // path as the compiler recorded it: its pieces joined, not cleaned
	Line    int    // from 1; 0 if not known
	Column  int    // from 1; 0 if not known
	Inlined bool   // the function was inlined into that of the next Pos
	Returns string // what the function returns: "pointer", "value" (or nothing), "" if not known
}

// String returns function, file and line: "myfunc hello.c:10".
func (p Pos) String() string { return resolve.Pos(p).String() }

// Call is a frame with what is known about it.
type Call struct {
	Frame      Frame
	Pos        []Pos // innermost inlined function first; empty if not known
	Kind       Kind
	Confidence Confidence

	// Others are the other places that fit an ambiguous frame as well as Pos does.
	Others [][]Pos

	// Module is the module that the code is in, even if the frame does not name it;
	// "" for the kernel image, or if it is not known. If the frame does not name it,
	// it is only as sure as Confidence.
	Module string

	// ObjectFile is the file that the answer is from, "" if none was found. Of a
	// stripped file and its debug file it is the stripped one.
	ObjectFile string

	// BuildID is that of ObjectFile, in hex; "" if it has none.
	BuildID string

	// Reason is the evidence for a Proved, Recovered or Elided answer, in words; ""
	// if there is nothing to say beyond Confidence.
	Reason string

	// Problem is the class of Err; it is ProblemNone if and only if Err is nil.
	Problem Problem

	// Err is the reason why there is no position, or why it must not be trusted. If a
	// file is missing, [errors.Unwrap] returns the error that lists the places where it
	// was looked for.
	Err error
}

// Kind is how a [Call] became known.
type Kind uint8

const (
	KindPrinted   Kind = iota // the kernel printed a name
	KindRecovered             // the kernel printed a bare address
	KindElided                // the kernel printed nothing: the function had jumped to another one
)

// String returns "printed", "recovered" or "elided".
func (k Kind) String() string { return name(int(k), kinds...) }

var kinds = []string{"printed", "recovered", "elided"}

// MarshalText implements [encoding.TextMarshaler]. It returns the text of String.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It reads what MarshalText
// returns; other text is an error.
func (k *Kind) UnmarshalText(b []byte) error {
	return parseName(k, b, "kind of call", kinds)
}
