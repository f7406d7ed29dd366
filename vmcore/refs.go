// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"slices"
)

// Ref is a place in memory that holds the address of an object, or of its inside.
type Ref struct {
	Addr   uint64 // of the place; where kmemleak or the code has it, else in the linear map
	Value  uint64 // what is there
	Target uint64 // address of the object
	Offset uint64 // of Value in the object

	// Changed says that the place had another value when it was read again: the kernel runs.
	Changed bool

	Holder Holder
}

// Referrers are all that is known about who refers to an object.
type Referrers struct {
	Object Object // its Size is 0 if the address is in no object that kmemleak tracks
	Refs   []Ref  // by address; scanned places first

	// Roots are where the leaked structure begins that the object is part of, at most
	// MaxRoots; nil if it is not leaked.
	Roots []Root

	// Held is what holds the object through other objects, if only these point to it and it
	// is not leaked; nil if that is not so, or if nothing was found.
	Held *Path

	// More is the number of references that were left out, because there are more than
	// MaxRefs.
	More int
}

// MaxRefs is the number of references that are kept for one object.
const MaxRefs = 1000

// Unexplained reports whether kmemleak counted references to the object where none was found,
// in what it looks at. A pointer has gone since its last scan, or the content of the object had
// changed: kmemleak counts as many as are needed then, too (kmemleak_scan).
func (r *Referrers) Unexplained() bool {
	seen := func(x Ref) bool { return x.Holder.Scanned && !x.Changed }
	return r.Object.MinCount > 0 && r.Object.Count >= r.Object.MinCount && r.More == 0 && !slices.ContainsFunc(r.Refs, seen)
}

// Refs returns who refers to the objects at some addresses, which may be inside of them.
// It looks at all memory: at what kmemleak scans (variables, per-CPU areas, stacks,
// other objects), and at what it does not. kmemleak's own records are left out. Memory is
// read once, however many addresses there are; that of a running kernel once more if kmemleak
// counted references and none was found.
//
// An address that is in no tracked object is looked for as it is. Where the image lacks
// pages or the kernel's data is damaged, what was found is returned with an error.
func (k *Kernel) Refs(ctx context.Context, addrs ...uint64) ([]Referrers, error) {
	return k.refs(ctx, func(s *search) []*target {
		var asked []*target
		for _, addr := range addrs {
			asked = append(asked, s.target(addr))
		}
		return asked
	})
}

// RefsWhere is Refs for all objects that are wanted, in the order of [Kernel.Objects]. want
// must not change an object, and is called with each once. No objects and no error means
// that none is wanted.
func (k *Kernel) RefsWhere(ctx context.Context, want func(o *Object) bool) ([]Referrers, error) {
	return k.refs(ctx, func(s *search) []*target {
		var asked []*target
		for i := range s.a.objects {
			if o := &s.a.objects[i]; want(o) {
				asked = append(asked, s.targetAt(o.Addr, o))
			}
		}
		return asked
	})
}

// refs searches for what ask has asked for.
func (k *Kernel) refs(ctx context.Context, ask func(*search) []*target) (found []Referrers, err error) {
	var asked []*target
	err = k.guard(func() error {
		a, err := k.newAtlas(ctx)
		if a == nil {
			return err
		}
		s := &search{k: k, a: a, known: make(map[uint64]*target)}
		asked = ask(s)
		return errors.Join(err, s.search(ctx))
	})
	// Steps that were left out for that had no errors.
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	for _, t := range asked {
		found = append(found, t.found)
	}
	return found, err
}
