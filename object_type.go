// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"errors"

	"github.com/kmemleak/kmemleak/internal/resolve"
)

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
// function that allocated it, and of those that this function was inlined into: at
// the pointer that the allocation was assigned to, if the compiler recorded where
// variables are, and at pointers to types of a size for which the kernel allocates as
// much as the object has. The likeliest guesses come first. They stay guesses: an
// object can be part of another one, or contain more than one structure.
//
// If there is no guess, the result is empty. An error means that the function could
// not be looked into; it matches [io/fs.ErrNotExist] if there is no file.
func (s *Symbolizer) ObjectType(l Leak) ([]ObjectGuess, error) {
	for _, c := range s.Backtrace(l.Backtrace) {
		name := c.Frame.Func
		if len(c.Pos) > 0 {
			name = c.Pos[len(c.Pos)-1].Func
		}
		if isAllocator(name) {
			continue
		}
		if c.Kind == KindElided || c.Confidence < Assumed {
			// It is not certain what allocated it. The functions below did not.
			return nil, cmp.Or(c.Err, errors.New("the function that allocated the object is not known"))
		}
		if c.Frame.Func != "" && c.Frame.Inlined {
			continue
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
		return guesses, err
	}
	return nil, errors.New("no function but those of the allocator is known")
}
