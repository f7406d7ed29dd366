// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import "github.com/kmemleak/kmemleak/internal/blame"

// A Candidate is code that a leak may belong to. It is not one of [Finding.Suspects],
// which are objects.
type Candidate struct {
	Owner // where it is

	// Reason is why it is a candidate at this place of the list, in words. That of the
	// owner and of its callers is why the code above, which they called, was passed or
	// not; that of code that was passed is what it does.
	Reason string

	// Tie reports that it is as likely as the owner.
	Tie bool
}

// Name returns the name of the function: that of Pos, which may be inlined into
// [Owner.Func], if it is known. It is "" for a bare address.
func (c Candidate) Name() string {
	if c.Pos != nil && c.Pos.Func != "" {
		return Frame{Func: c.Pos.Func}.BaseName()
	}
	return c.Func()
}

// Dir returns the folder of the source file of Pos, as Pos.File has it; "" if none is known.
func (c Candidate) Dir() string {
	if c.Pos != nil {
		return blame.Dir(c.Pos.File)
	}
	return ""
}

// CandidatesOf returns whose a leak may be, at most three, the likeliest first: the owner,
// see [OwnerOf]; functions above it that were passed because they return what they make, or
// although their source is in the owner's folder; and the owner's callers. Each is in another
// source file, as far as files are known. Other code that serves any caller, entries of the
// kernel and bare addresses are left out, except that the owner may be one. The result is nil without an owner, and points into calls.
func CandidatesOf(calls []Call) []Candidate {
	var functions []blame.Function
	var at []Owner
	for i := range calls {
		c := &calls[i]
		f, ok := c.code()
		if !ok {
			continue
		}
		o, places := Owner{Call: c}, c.trusted()
		for k := range places {
			if o.Pos = &places[k]; k < len(places)-1 {
				inner := o.Pos.code(c.Module)
				inner.Inlined = true
				functions, at = append(functions, inner), append(at, o)
			}
		}
		functions, at = append(functions, f), append(at, o) // by the printed name, as OwnerOf has it
	}
	var list []Candidate
	for _, c := range blame.Candidates(functions) {
		list = append(list, Candidate{at[c.Index], c.Reason, c.Tie})
	}
	return list
}

// Candidates returns [CandidatesOf] of Calls or, if the leak has none, of the backtrace.
func (l Leak) Candidates() []Candidate {
	if l.Calls != nil {
		return CandidatesOf(l.Calls)
	}
	return CandidatesOf(decodedCalls(l.Backtrace))
}
