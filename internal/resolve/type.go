// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// Guess is a type that an object may have. Guess and Field are like ObjectGuess and
// ObjectField of package kmemleak.
type Guess struct {
	Type     string
	Size     uint64
	Variable string
	Func     string
	Reason   string
	Fields   []Field
}

// Field is a part of an object as a field of its type.
type Field struct {
	Name   string
	Type   string
	Offset uint64
	Size   uint64
	Value  string
}

// Types guesses the type of an object of a size, whose first bytes are data, from the
// variables of the function that a frame of a backtrace is in. The likeliest come
// first.
func (r *Resolver) Types(bt []Frame, f Frame, size uint64, data []byte) ([]Guess, error) {
	_, r = r.choose(bt, 0)
	x := r.resolve(question{frame: f})
	if len(x.answers) == 0 && f.Func == "" {
		// Its neighbours recovered it: look for the place again.
		rs := r.placed(bt, r.bits(bt, 0))
		i := slices.IndexFunc(rs, func(x *resolution) bool { return x.frame == f && len(x.answers) == 1 })
		if i < 0 {
			return nil, nil
		}
		x = rs[i]
	}
	var guesses []Guess
	err := kobj.Guard(func() error {
		img, err := r.images.acquire(x.module(), r.memory.wanted(x.module(), f.BuildID))
		if err != nil {
			return err
		}
		defer r.images.release(img)
		if img.path != x.file || len(x.answers) == 0 || x.answers[0].ret == 0 {
			return nil
		}
		vars, err := img.debug.Variables(x.answers[0].ret)
		if err != nil {
			return err
		}
		guesses = guessed(size, data, vars, img.file.Order, r.Allocates)
		return nil
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", r.Describe(f), err)
	}
	return guesses, err
}

// guessed makes guesses of variables, the likeliest first.
func guessed(size uint64, data []byte, vars []dwarf.Variable, order binary.ByteOrder, allocates func(string) bool) []Guess {
	type ranked struct {
		Guess
		rank int
	}
	var all []ranked
	for _, v := range vars {
		// Parameters have their values before the call. The tag is the kernel's own
		// record of allocations, since 6.10.
		if v.Type.Kind != dwarf.KindPointer || allocates(v.Function) || v.Parameter && !v.Received {
			continue
		}
		e := v.Type.Elem
		if e == nil || e.Size == 0 || e.Size > size || e.Name == "struct alloc_tag" {
			continue
		}
		// A pointer to a number or to a pointer is one to an array as well, and says nothing
		// unless there is just one.
		if e.Kind != dwarf.KindStruct && e.Kind != dwarf.KindUnion && (!v.Received || e.Size != size) {
			continue
		}
		g := ranked{Guess: Guess{Type: e.Name, Size: e.Size, Variable: v.Name, Func: v.Function}}
		name := cmp.Or(e.Name, "its type")
		fits := e.Size == size || bucket(e.Size) == size
		var fit string
		switch {
		case e.Size == size:
			fit = "has the size of the object"
		case fits:
			fit = fmt.Sprintf("has %d bytes, for which the kernel allocates %d", e.Size, size)
		default:
			fit = fmt.Sprintf("has %d bytes of the %d", e.Size, size)
		}
		switch {
		case v.Received && fits:
			g.rank = 3
			g.Reason = fmt.Sprintf("%s in %s receives the result of the call, and %s %s", v.Name, v.Function, name, fit)
		case v.Received:
			g.rank = 2
			g.Reason = fmt.Sprintf("%s in %s receives the result of the call; %s %s", v.Name, v.Function, name, fit)
		case e.Size == size:
			g.rank = 1
			g.Reason = fmt.Sprintf("%s in %s points to %s, which %s", v.Name, v.Function, name, fit)
		case fits:
			g.Reason = fmt.Sprintf("%s in %s points to %s, which %s", v.Name, v.Function, name, fit)
		default:
			continue
		}
		if i := slices.IndexFunc(all, func(o ranked) bool { return o.Type == g.Type && o.Size == g.Size }); i >= 0 {
			if all[i].rank >= g.rank {
				continue
			}
			all = slices.Delete(all, i, i+1)
		}
		if data != nil {
			g.Fields = objectFields(nil, "", e, 0, data, order)
		}
		all = append(all, g)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[j].rank < all[i].rank })
	var guesses []Guess
	for _, g := range all {
		guesses = append(guesses, g.Guess)
	}
	return guesses
}

// bucket returns the size of kmalloc's cache for a size, 0 if there is no cache for
// it.
func bucket(size uint64) uint64 {
	for _, b := range [...]uint64{8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192} {
		if size <= b {
			return b
		}
	}
	return 0
}

// maxFields is the number of fields that are shown: hex dumps have 32 bytes.
const maxFields = 64

// objectFields appends the fields of a type at an offset, as far as there is data.
func objectFields(fields []Field, name string, t *dwarf.Type, at uint64, data []byte, order binary.ByteOrder) []Field {
	if at >= uint64(len(data)) || len(fields) >= maxFields {
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
	return append(fields, Field{name, t.Name, at, t.Size, fieldValue(t, b, cut, order)})
}

// fieldValue returns the bytes of a field for people.
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
