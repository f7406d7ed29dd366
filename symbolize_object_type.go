// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// ObjectGuess is a type that a leaked object may have.
type ObjectGuess struct {
	Type     string        // as in C: "struct greeting"
	Size     uint64        // of the type, in bytes; at most the object's
	Variable string        // the pointer that speaks for the type
	Func     string        // and the function that it belongs to
	Reason   string        // what speaks for it, in words
	Fields   []ObjectField // what the first bytes of the object are then; nil if none were dumped
}

// ObjectField is a part of a leaked object as a field of its type. Those of
// structures inside of structures have names such as "head.next".
type ObjectField struct {
	Name   string
	Type   string
	Offset uint64 // in the object
	Size   uint64
	Value  string // readable; cut off where the dump ends, with "…"
}

// ObjectType guesses what a leaked object is, from the pointers of the function
// that allocated it and of those that this one was inlined into: the pointer that
// the allocation was assigned to, by the compiler's account of where variables
// are, or one to a type of a size for which the kernel allocates as much as the
// object has. The likeliest come first. They stay guesses: an object can be part
// of another one, or have more than one structure in it.
//
// Without any guess the result is empty. An error says why the function could not
// be looked into; it matches [io/fs.ErrNotExist] if there is no file.
func (s *Symbolizer) ObjectType(l Leak) ([]ObjectGuess, error) {
	var failed error
	for _, c := range s.Backtrace(l.Backtrace) {
		name := c.Frame.Func
		if len(c.Pos) > 0 {
			name = c.Pos[len(c.Pos)-1].Func
		}
		if allocates(name) {
			continue
		}
		if c.Kind == Elided || c.Confidence < Assumed {
			// What allocated it is not known for sure: those below did not.
			return nil, cmp.Or(c.Err, errors.New("the function that allocated the object is not known"))
		}
		if c.Frame.Func != "" && c.Frame.Inlined {
			continue
		}
		guesses, err := s.objectType(l, c)
		failed = cmp.Or(failed, err)
		return guesses, failed
	}
	return nil, cmp.Or(failed, errors.New("no function but those of the allocator is known"))
}

// allocates reports whether a function is of the kernel's allocators, which know
// nothing of what they allocate for.
func allocates(name string) bool {
	name = strings.TrimLeft(kobj.Stem(name), "_")
	for _, prefix := range [...]string{
		"kmalloc", "kzalloc", "kcalloc", "krealloc", "kvmalloc", "kvzalloc", "kvcalloc", "kvrealloc", "kmem_cache_", "kmemleak_",
		"vmalloc", "vzalloc", "kmemdup", "kvmemdup", "kstrdup", "kstrndup", "kasprintf", "kvasprintf", "memdup_user", "slab_", "slub_",
		"do_kmalloc", "do_kmem", "create_object", "alloc_percpu", "pcpu_alloc", "alloc_pages", "get_free_page", "devm_kmalloc",
		"devm_kzalloc", "devm_kcalloc", "devm_kmemdup", "devm_kstrdup", "devm_kvasprintf", "devm_kasprintf", "devres_alloc", "alloc_dr", "new_slab", "allocate_slab",
	} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// objectType guesses from the variables of one call.
func (s *Symbolizer) objectType(l Leak, c Call) ([]ObjectGuess, error) {
	r := s.resolve(question{frame: c.Frame})
	module := r.module()
	if len(r.answers) == 0 && c.Kind == Recovered {
		// It was recovered by its neighbours: ask again for the place.
		rs := s.placed(l.Backtrace)
		i := slices.IndexFunc(rs, func(r *resolution) bool { return r.frame == c.Frame && len(r.answers) == 1 })
		if i < 0 {
			return nil, nil
		}
		r = rs[i]
		module = r.lost
	}
	var guesses []ObjectGuess
	err := kobj.Guard(func() error {
		want := c.Frame.BuildID
		if m := s.module(module); m != nil {
			want = cmp.Or(want, m.BuildID)
		}
		o, err := s.acquire(module, want)
		if err != nil {
			return err
		}
		defer s.releaseObject(o)
		if o.path != r.object || len(r.answers) == 0 || r.answers[0].ret == 0 {
			return nil
		}
		vars, err := o.debug.Variables(r.answers[0].ret)
		if err != nil {
			return err
		}
		guesses = guessed(l, vars, o.file.Order)
		return nil
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", c.Frame, err)
	}
	return guesses, err
}

// placed gives the resolutions of a backtrace with those of bare addresses.
func (s *Symbolizer) placed(bt []Frame) []*resolution {
	rs := make([]*resolution, 0, len(bt))
	for _, f := range bt {
		if !f.terminator() {
			rs = append(rs, s.resolve(question{frame: f}))
		}
	}
	s.recoverBare(rs)
	return rs
}

// guessed makes guesses of variables, the likeliest first.
func guessed(l Leak, vars []dwarf.Variable, order binary.ByteOrder) []ObjectGuess {
	type ranked struct {
		ObjectGuess
		rank int
	}
	var all []ranked
	for _, v := range vars {
		// Parameters have their values before the call. The tag is the kernel's own
		// account of allocations, since 6.10.
		if v.Type.Kind != dwarf.KindPointer || allocates(v.Function) || v.Parameter && !v.Received || v.Type.Elem.Name == "struct alloc_tag" {
			continue
		}
		e := v.Type.Elem
		if e == nil || e.Size == 0 || e.Size > l.Size || e.Kind != dwarf.KindStruct && e.Kind != dwarf.KindUnion && !v.Received {
			continue
		}
		g := ranked{ObjectGuess: ObjectGuess{Type: e.Name, Size: e.Size, Variable: v.Name, Func: v.Function}}
		fits := e.Size == l.Size || bucket(e.Size) == l.Size
		var fit string
		switch {
		case e.Size == l.Size:
			fit = "has the size of the object"
		case fits:
			fit = fmt.Sprintf("has %d bytes, for which the kernel allocates %d", e.Size, l.Size)
		default:
			fit = fmt.Sprintf("has %d bytes of the %d", e.Size, l.Size)
		}
		switch {
		case v.Received && fits:
			g.rank = 3
			g.Reason = fmt.Sprintf("%s in %s receives the result of the call, and %s %s", v.Name, v.Function, e.Name, fit)
		case v.Received:
			g.rank = 2
			g.Reason = fmt.Sprintf("%s in %s receives the result of the call; %s %s", v.Name, v.Function, e.Name, fit)
		case e.Size == l.Size:
			g.rank = 1
			g.Reason = fmt.Sprintf("%s in %s points to %s, which %s", v.Name, v.Function, e.Name, fit)
		case fits:
			g.Reason = fmt.Sprintf("%s in %s points to %s, which %s", v.Name, v.Function, e.Name, fit)
		default:
			continue
		}
		if i := slices.IndexFunc(all, func(o ranked) bool { return o.Type == g.Type && o.Size == g.Size }); i >= 0 {
			if all[i].rank >= g.rank {
				continue
			}
			all = slices.Delete(all, i, i+1)
		}
		if l.Data != nil {
			g.Fields = objectFields(nil, "", e, 0, l.Data, order)
		}
		all = append(all, g)
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return b.rank - a.rank })
	var guesses []ObjectGuess
	for _, g := range all {
		guesses = append(guesses, g.ObjectGuess)
	}
	return guesses
}

// bucket gives the size that kmalloc has for a size, 0 if that is beyond what it
// has caches for.
func bucket(size uint64) uint64 {
	for _, b := range [...]uint64{8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192} {
		if size <= b {
			return b
		}
	}
	return 0
}

// maxObjectFields is how many fields are shown: hex dumps have 32 bytes.
const maxObjectFields = 64

// objectFields appends the fields of a type at an offset, as far as there is data.
func objectFields(fields []ObjectField, name string, t *dwarf.Type, at uint64, data []byte, order binary.ByteOrder) []ObjectField {
	if at >= uint64(len(data)) || len(fields) >= maxObjectFields {
		return fields
	}
	if t.Kind == dwarf.KindStruct && len(t.Fields) > 0 {
		for _, f := range t.Fields {
			sub := strings.TrimPrefix(name+"."+f.Name, ".")
			if f.Name == "" {
				sub = name
			}
			fields = objectFields(fields, sub, f.Type, at+f.Offset, data, order)
		}
		return fields
	}
	if t.Size == 0 {
		return fields
	}
	b := data[at:]
	cut := uint64(len(b)) < t.Size
	if !cut {
		b = b[:t.Size]
	}
	return append(fields, ObjectField{name, t.Name, at, t.Size, fieldValue(t, b, cut, order)})
}

// fieldValue shows the bytes of a field.
func fieldValue(t *dwarf.Type, b []byte, cut bool, order binary.ByteOrder) string {
	more := ""
	if cut {
		more = "…"
	}
	number := func() (uint64, bool) {
		switch {
		case cut:
			return 0, false
		case len(b) == 1:
			return uint64(b[0]), true
		case len(b) == 2:
			return uint64(order.Uint16(b)), true
		case len(b) == 4:
			return uint64(order.Uint32(b)), true
		case len(b) == 8:
			return order.Uint64(b), true
		}
		return 0, false
	}
	n, ok := number()
	switch {
	case t.Kind == dwarf.KindPointer && ok:
		return fmt.Sprintf("%#x", n)
	case (t.Kind == dwarf.KindInteger || t.Kind == dwarf.KindEnum) && ok:
		if t.Signed {
			shift := 64 - 8*uint(len(b))
			return strconv.FormatInt(int64(n<<shift)>>shift, 10)
		}
		return strconv.FormatUint(n, 10)
	case t.Kind == dwarf.KindArray && t.Elem.Char:
		text, _, ended := strings.Cut(string(b), "\x00")
		if ended {
			more = ""
		}
		return strconv.Quote(text) + more
	}
	return fmt.Sprintf("% x", b) + more
}
