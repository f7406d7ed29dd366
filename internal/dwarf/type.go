// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import "slices"

// TypeKind is the kind of a Type.
type TypeKind uint8

const (
	KindOther   TypeKind = iota // functions, void, and unknown types
	KindInteger                 // also characters and booleans
	KindPointer
	KindStruct
	KindUnion
	KindArray
	KindEnum
)

// Type is the part of a type that is needed to show memory.
type Type struct {
	Name     string // as in C: "struct greeting", "char *"
	Kind     TypeKind
	Size     uint64 // in bytes; 0 if unknown
	Signed   bool   // of integers
	Char     bool   // of integers
	Elem     *Type  // of pointers and arrays; only the outermost pointer's has fields
	Fields   []Field
	HasFlags bool // of structures: some fields are bit fields and left out
}

// Field is a member of a structure or union.
type Field struct {
	Name   string // "" for unnamed structures and unions
	Offset uint64
	Type   *Type
}

// Bounds of types that are read.
const (
	maxTypeDepth = 6
	maxFields    = 512
	maxTypeSteps = 1 << 13 // entries that are read for one lookup
	maxShown     = 64      // bytes of a structure whose fields are read; hex dumps have 32
)

// Tags and attributes that only this file uses.
const (
	tagArrayType       = 0x01
	tagSubroutineType  = 0x15
	tagEnumeration     = 0x04
	tagFormalParameter = 0x05
	tagMember          = 0x0d
	tagPointerType     = 0x0f
	tagTypedef         = 0x16
	tagSubrangeType    = 0x21
	tagBaseType        = 0x24
	tagConstType       = 0x26
	tagVariable        = 0x34
	tagVolatileType    = 0x35
	tagRestrictType    = 0x37
	tagAtomicType      = 0x47

	attrLocation     = 0x02
	attrName         = 0x03
	attrByteSize     = 0x0b
	attrBitSize      = 0x0d
	attrUpperBound   = 0x2f
	attrOrigin       = 0x31
	attrCount        = 0x37
	attrMemberOffset = 0x38
	attrEncoding     = 0x3e
	attrType         = 0x49
)

// typeReader reads all attributes of the entries of a unit. entry has only those of
// functions.
type typeReader struct {
	u     *unit
	specs map[uint64]*fullAbbrev
	w     *typeWork
}

// typeWork is shared by the readers of several units during a lookup.
type typeWork struct {
	readers map[*unit]*typeReader
	steps   int
	most    int // steps; 0 is maxTypeSteps
}

type fullAbbrev struct {
	tag      uint16
	children bool
	attrs    []fullAttr
}

type fullAttr struct {
	attr, form uint16
	constant   int64 // if the form is implicit_const
}

// fullEntry is an entry with all attributes.
type fullEntry struct {
	tag      uint16 // 0 for the mark at the end of children
	children bool
	next     uint64
	attrs    []fullAttr
	values   []value // of attrs
}

func (e *fullEntry) get(attr uint16) value {
	for i, a := range e.attrs {
		if a.attr == attr {
			return e.values[i]
		}
	}
	return value{}
}

// reader returns the reader of a unit.
func (w *typeWork) reader(u *unit) (*typeReader, error) {
	if r := w.readers[u]; r != nil {
		return r, nil
	}
	_, off, err := u.o.header(u.info, u.off)
	if err != nil {
		return nil, err
	}
	r := &typeReader{u: u, specs: make(map[uint64]*fullAbbrev), w: w}
	s := u.o.section(secAbbrev)
	c := s.cursor(off, s.size())
	for !c.bad {
		code := c.uleb()
		if code == 0 {
			break
		}
		ab := &fullAbbrev{}
		if tag := c.uleb(); tag <= 0xffff {
			ab.tag = uint16(tag)
		}
		ab.children = c.u8() != 0
		for !c.bad {
			attr, form := c.uleb(), c.uleb()
			if attr == 0 && form == 0 {
				break
			}
			a := fullAttr{attr: uint16(min(attr, 0xffff)), form: uint16(min(form, 0xffff))}
			if a.form == formImplicitConst {
				a.constant = c.sleb()
			}
			ab.attrs = append(ab.attrs, a)
		}
		if r.specs[code] == nil {
			r.specs[code] = ab
		}
	}
	if c.bad {
		return nil, s.errAt(off, "abbreviations cut off")
	}
	w.readers[u] = r
	return r, nil
}

// read reads the entry at off.
func (r *typeReader) read(off uint64) (fullEntry, bool) {
	var e fullEntry
	if r.w.steps++; r.w.steps > max(maxTypeSteps, r.w.most) || !r.readInto(off, &e) {
		return fullEntry{}, false
	}
	return e, true
}

// readInto reads the entry at off into e, whose memory it uses again.
func (r *typeReader) readInto(off uint64, e *fullEntry) bool {
	if off < r.u.die {
		return false
	}
	c := r.u.info.cursor(off, r.u.end)
	code := c.uleb()
	if c.bad {
		return false
	}
	if code == 0 {
		*e = fullEntry{next: c.off, values: e.values[:0]}
		return true
	}
	ab := r.specs[code]
	if ab == nil {
		return false
	}
	*e = fullEntry{tag: ab.tag, children: ab.children, attrs: ab.attrs, values: slices.Grow(e.values[:0], len(ab.attrs))[:len(ab.attrs)]}
	for i, a := range ab.attrs {
		v := value{off: c.off, form: a.form}
		switch a.form {
		case formImplicitConst:
			v.off = uint64(a.constant)
		case formIndirect:
			peek := c
			v.form = uint16(min(peek.uleb(), 0xffff))
			v.off = peek.off
			r.u.skipSized(&c, sizeAny)
		default:
			if size := r.u.formSize(a.form); size >= 0 {
				c.skip(uint64(size))
			} else {
				r.u.skipSized(&c, size)
			}
		}
		if c.bad {
			return false
		}
		e.values[i] = v
	}
	e.next = c.off
	return true
}

// follow returns the entry that an attribute points to.
func (r *typeReader) follow(v value) (*typeReader, uint64, fullEntry, bool) {
	if v.form == 0 {
		return nil, 0, fullEntry{}, false
	}
	u, off, ok := r.u.reference(v)
	if !ok {
		return nil, 0, fullEntry{}, false
	}
	to, err := r.w.reader(u)
	if err != nil {
		return nil, 0, fullEntry{}, false
	}
	e, ok := to.read(off)
	return to, off, e, ok
}

// number returns a constant attribute.
func (r *typeReader) number(v value) (uint64, bool) {
	if v.form == 0 {
		return 0, false
	}
	return r.u.info.constant(v)
}

// typeOf returns the type that an attribute points to. It reads the type's fields if
// fields is set.
func (r *typeReader) typeOf(v value, fields bool, depth int) *Type {
	if v.form == 0 {
		return &Type{Name: "void"}
	}
	to, off, e, ok := r.follow(v)
	if !ok || depth > maxTypeDepth {
		return &Type{}
	}
	name := to.u.text(e.get(attrName))
	size, _ := to.number(e.get(attrByteSize))
	t := &Type{Name: name, Size: size}
	switch e.tag {
	case tagTypedef, tagConstType, tagVolatileType, tagRestrictType, tagAtomicType:
		// The name of a typedef is the one that people know.
		inner := *to.typeOf(e.get(attrType), fields, depth+1)
		if e.tag == tagTypedef && name != "" {
			inner.Name = name
		}
		return &inner
	case tagBaseType:
		t.Kind = KindInteger
		encoding, _ := to.number(e.get(attrEncoding))
		switch encoding {
		case 5: // signed
			t.Signed = true
		case 6, 8: // signed and unsigned char
			t.Char, t.Signed = size == 1, encoding == 6
		case 2, 7, 0x10: // boolean, unsigned, UTF
		default:
			t.Kind = KindOther
		}
	case tagPointerType:
		t.Kind = KindPointer
		if t.Size == 0 {
			t.Size = uint64(to.u.addrSize)
		}
		// Only the outermost pointer needs the fields of its target.
		t.Elem = to.typeOf(e.get(attrType), fields && depth == 0, depth+1)
		t.Name = t.Elem.Name + " *"
		if t.Elem.Kind == KindPointer {
			t.Name = t.Elem.Name + "*"
		}
	case tagStructureType, tagUnionType, tagClassType:
		t.Kind = KindStruct
		prefix := "struct "
		if e.tag == tagUnionType {
			t.Kind, prefix = KindUnion, "union "
		}
		if name != "" {
			t.Name = prefix + name
		}
		if fields && e.children {
			to.members(t, e.next, depth)
		}
	case tagEnumeration:
		t.Kind = KindEnum
		if name != "" {
			t.Name = "enum " + name
		}
	case tagSubroutineType:
		t.Name = "function"
	case tagArrayType:
		t.Kind = KindArray
		t.Elem = to.typeOf(e.get(attrType), fields, depth+1)
		t.Name = t.Elem.Name + "[]"
		to.length(t, off, e)
	}
	return t
}

// length finds the size of an array.
func (r *typeReader) length(t *Type, _ uint64, e fullEntry) {
	if !e.children {
		return
	}
	n, known := uint64(1), false
	for off := e.next; ; {
		sub, ok := r.read(off)
		if !ok || sub.tag == 0 {
			break
		}
		off = sub.next
		if sub.tag != tagSubrangeType || sub.children {
			continue
		}
		count, ok := r.number(sub.get(attrCount))
		if !ok {
			var last uint64
			if last, ok = r.number(sub.get(attrUpperBound)); ok {
				count = last + 1
			}
		}
		if !ok || count > 1<<32 || n > 1<<32 {
			return
		}
		n, known = n*count, true
	}
	if known && t.Elem.Size > 0 && n < 1<<32/t.Elem.Size {
		t.Size = n * t.Elem.Size
	}
}

// members reads the fields of a structure, whose entries start at off.
func (r *typeReader) members(t *Type, off uint64, depth int) {
	for inside := 0; ; {
		e, ok := r.read(off)
		if !ok || e.tag == 0 && inside == 0 || len(t.Fields) >= maxFields {
			return
		}
		off = e.next
		switch {
		case e.tag == 0:
			inside--
			continue
		case inside == 0 && e.tag == tagMember:
			at, ok := r.number(e.get(attrMemberOffset))
			if v := e.get(attrBitSize); v.form != 0 {
				t.HasFlags = true
			} else if at >= maxShown {
				// No field behind it is shown either, except in unions, whose fields all start at
				// 0.
			} else if ok || e.get(attrMemberOffset).form == 0 {
				t.Fields = append(t.Fields, Field{r.u.text(e.get(attrName)), at, r.typeOf(e.get(attrType), true, depth+1)})
			}
		}
		if e.children {
			inside++
		}
	}
}
