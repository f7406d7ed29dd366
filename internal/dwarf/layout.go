// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// Layouts reads global variables and the complete types of data: where each member of a
// structure is. A [Type] is less, and made for showing some bytes. Layouts keeps what it
// read. Its methods and those of its layouts are safe for concurrent use.
type Layouts struct {
	d *Data

	mu    sync.Mutex
	work  typeWork
	types map[layoutKey]*Layout

	addrOnce sync.Once
	addrs    spanIndex // of variables; at is the place of the entry
}

type layoutKey struct {
	o   *object
	off uint64
}

// NewLayouts returns a reader of the types in d.
func NewLayouts(d *Data) *Layouts {
	return &Layouts{d: d, work: typeWork{readers: make(map[*unit]*typeReader), most: maxLayoutSteps}, types: make(map[layoutKey]*Layout)}
}

// Layout is a type of data. A nil Layout is void, or one that cannot be read.
type Layout struct {
	Name   string // as in C: "struct list_head", "unsigned long", "struct task_struct *"
	Kind   TypeKind
	Size   uint64 // in bytes; 0 if unknown
	Signed bool   // of integers
	Count  uint64 // elements of an array, of all dimensions; 0 if unknown

	l    *Layouts
	r    *typeReader
	elem value  // of pointers and arrays
	body uint64 // the first child's entry, 0 if there are none

	once    sync.Once
	members []Member
}

// Member is a member of a structure or union.
type Member struct {
	Name     string // "" for an unnamed structure or union
	Offset   uint64 // in bytes
	BitStart uint   // of bit fields: from the lowest bit of the byte at Offset, which is the first byte with one of its bits
	Bits     uint   // of bit fields: their number, else 0

	l   *Layouts
	r   *typeReader
	typ value
}

// Bounds of what is read.
const (
	maxLayoutSteps = 1 << 24 // entries, by one Layouts
	maxMembers     = 1 << 14
	maxNesting     = 32
	maxVisits      = 1 << 16 // of members, for one question: a damaged union may be in itself
)

// Attributes that only layouts need.
const (
	attrBitOffset     = 0x0c
	attrDeclaration   = 0x3c
	attrSpecification = 0x47
	attrDataBitOffset = 0x6b
)

// Type returns the type of a member.
func (m *Member) Type() *Layout {
	if m.l == nil {
		return nil
	}
	m.l.mu.Lock()
	defer m.l.mu.Unlock()
	return m.l.layout(m.r, m.typ)
}

// Elem returns what a pointer points to, or the type of an array's elements. It is nil
// for void.
func (t *Layout) Elem() *Layout {
	if t == nil || t.l == nil {
		return nil
	}
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	return t.l.layout(t.r, t.elem)
}

// Members returns the members of a structure or union, in their order.
func (t *Layout) Members() []Member {
	if t == nil || t.body == 0 || t.Kind != KindStruct && t.Kind != KindUnion {
		return nil
	}
	t.once.Do(func() {
		t.l.mu.Lock()
		defer t.l.mu.Unlock()
		t.members = t.l.readMembers(t.r, t.body)
	})
	return t.members
}

// Field returns the member at a path such as "handle.offset". Members of unnamed
// structures and unions count as those of the structure that they are in. The offset of
// what is returned is that from the start of t.
func (t *Layout) Field(path string) (Member, bool) {
	name, rest, more := strings.Cut(path, ".")
	budget := maxVisits
	m, ok := t.member(name, &budget)
	if !ok || !more {
		return m, ok
	}
	sub, ok := m.Type().Field(rest)
	sub.Offset += m.Offset
	return sub, ok
}

func (t *Layout) member(name string, budget *int) (Member, bool) {
	for _, m := range t.Members() {
		if *budget--; *budget < 0 {
			break
		}
		if m.Name == name {
			return m, true
		}
		if m.Name == "" {
			if sub, ok := m.Type().member(name, budget); ok {
				sub.Offset += m.Offset
				return sub, true
			}
		}
	}
	return Member{}, false
}

// Path returns what is at an offset, in the way in which C would name it behind the name
// of a variable: ".slots[2].object". It ends where no member is, and returns the type
// of the last, and the offset in it. Of unions it takes the first member with a pointer
// there, or else the first.
func (t *Layout) Path(off uint64) (path string, at *Layout, rest uint64) {
	budget := maxVisits
	return t.path(off, &budget)
}

func (t *Layout) path(off uint64, budget *int) (path string, at *Layout, rest uint64) {
	var b strings.Builder
	for range maxNesting {
		if *budget--; t == nil || *budget < 0 {
			break
		}
		var next *Layout
		switch t.Kind {
		case KindArray:
			elem := t.Elem()
			if elem == nil || elem.Size == 0 || off >= t.Size {
				return b.String(), t, off
			}
			b.WriteString("[" + strconv.FormatUint(off/elem.Size, 10) + "]")
			next, off = elem, off%elem.Size
		case KindStruct, KindUnion:
			m, ok := t.memberAt(off, budget)
			if !ok {
				return b.String(), t, off
			}
			if m.Name != "" {
				b.WriteString("." + m.Name)
			}
			next, off = m.Type(), off-m.Offset
		}
		if next == nil {
			break
		}
		t = next
	}
	return b.String(), t, off
}

// memberAt returns the member that holds an offset.
func (t *Layout) memberAt(off uint64, budget *int) (Member, bool) {
	var first Member
	found := false
	for _, m := range t.Members() {
		mt := m.Type()
		if m.Bits > 0 || mt == nil || off < m.Offset || off-m.Offset >= mt.Size {
			continue
		}
		if !found {
			first, found = m, true
		}
		if t.Kind != KindUnion {
			break
		}
		if _, at, rest := mt.path(off-m.Offset, budget); at != nil && at.Kind == KindPointer && rest == 0 {
			return m, true
		}
	}
	return first, found
}

// layout returns the type that an attribute of an entry in r points to. l.mu is held.
func (l *Layouts) layout(r *typeReader, v value) *Layout {
	if v.form == 0 || r == nil {
		return nil
	}
	u, off, ok := r.u.reference(v)
	if !ok {
		return nil
	}
	to, err := l.work.reader(u)
	if err != nil {
		return nil
	}
	return l.layoutAt(to, off, 0)
}

// layoutAt returns the type whose entry is at off.
func (l *Layouts) layoutAt(r *typeReader, off uint64, depth int) *Layout {
	key := layoutKey{r.u.o, off}
	if t, ok := l.types[key]; ok {
		return t
	}
	if depth > maxNesting {
		return nil
	}
	e, ok := r.read(off)
	if !ok {
		return nil
	}
	t := l.decode(r, e, depth)
	l.types[key] = t
	return t
}

func (l *Layouts) decode(r *typeReader, e fullEntry, depth int) *Layout {
	// inner is the type that this one is made of.
	inner := func() *Layout {
		v := e.get(attrType)
		if v.form == 0 {
			return nil
		}
		u, off, ok := r.u.reference(v)
		if !ok {
			return nil
		}
		to, err := l.work.reader(u)
		if err != nil {
			return nil
		}
		return l.layoutAt(to, off, depth+1)
	}
	name := r.u.text(e.get(attrName))
	size, _ := r.number(e.get(attrByteSize))
	t := &Layout{Name: name, Size: size, l: l, r: r}
	switch e.tag {
	case tagTypedef, tagConstType, tagVolatileType, tagRestrictType, tagAtomicType:
		of := inner()
		if of == nil || e.tag != tagTypedef || name == "" {
			return of
		}
		return &Layout{Name: name, Kind: of.Kind, Size: of.Size, Signed: of.Signed, Count: of.Count, l: l, r: of.r, elem: of.elem, body: of.body}
	case tagBaseType:
		t.Kind = KindInteger
		switch encoding, _ := r.number(e.get(attrEncoding)); encoding {
		case 5, 6: // signed
			t.Signed = true
		case 2, 7, 8, 0x10: // boolean, unsigned, UTF
		default:
			t.Kind = KindOther
		}
	case tagEnumeration:
		t.Kind, t.Name = KindEnum, strings.TrimSpace("enum "+name)
		t.body = body(e)
	case tagPointerType:
		t.Kind, t.elem = KindPointer, e.get(attrType)
		if t.Size == 0 {
			t.Size = uint64(r.u.addrSize)
		}
		t.Name = pointerName(r, e)
	case tagStructureType, tagClassType:
		t.Kind, t.Name = KindStruct, strings.TrimSpace("struct "+name)
		t.body = body(e)
	case tagUnionType:
		t.Kind, t.Name = KindUnion, strings.TrimSpace("union "+name)
		t.body = body(e)
	case tagArrayType:
		t.Kind, t.elem = KindArray, e.get(attrType)
		if of := inner(); of != nil {
			t.Name = of.Name + "[]"
			if n, ok := r.count(e); ok {
				t.Count = n
				if of.Size > 0 && n <= 1<<40/of.Size {
					t.Size = n * of.Size
				}
			}
		}
	}
	return t
}

// body returns where the children of an entry are, 0 if it has none or is no definition.
func body(e fullEntry) uint64 {
	if !e.children || e.get(attrDeclaration).form != 0 {
		return 0
	}
	return e.next
}

// pointerName names a pointer by what it points to.
func pointerName(r *typeReader, e fullEntry) string {
	stars := " *"
	for range maxHops {
		v := e.get(attrType)
		if v.form == 0 {
			return "void" + stars
		}
		to, _, next, ok := r.follow(v)
		if !ok {
			break
		}
		r, e = to, next
		name := r.u.text(e.get(attrName))
		switch e.tag {
		case tagPointerType:
			stars += "*"
		case tagConstType, tagVolatileType, tagRestrictType, tagAtomicType:
		case tagSubroutineType:
			return "function" + stars
		case tagStructureType, tagClassType:
			return strings.TrimSpace("struct "+name) + stars
		case tagUnionType:
			return strings.TrimSpace("union "+name) + stars
		case tagEnumeration:
			return strings.TrimSpace("enum "+name) + stars
		case tagArrayType:
			stars = "[]" + stars
		default:
			return name + stars
		}
	}
	return "?" + stars
}

// count returns the number of elements of an array.
func (r *typeReader) count(e fullEntry) (uint64, bool) {
	if !e.children {
		return 0, false
	}
	n, known := uint64(1), false
	for off := e.next; ; {
		sub, ok := r.read(off)
		if !ok || sub.tag == 0 {
			return n, known
		}
		off = sub.next
		if sub.tag != tagSubrangeType || sub.children {
			continue
		}
		count, ok := r.number(sub.get(attrCount))
		if !ok {
			var last uint64
			if last, ok = r.number(sub.get(attrUpperBound)); ok {
				count = last + 1 // 0 if last is -1, as for int[0]
			}
		}
		if !ok || count > 1<<32 || n > 1<<32 {
			return 0, false
		}
		n, known = n*count, true
	}
}

// readMembers reads the members whose entries start at off. l.mu is held.
func (l *Layouts) readMembers(r *typeReader, off uint64) []Member {
	var members []Member
	for inside := 0; len(members) < maxMembers; {
		e, ok := r.read(off)
		if !ok || e.tag == 0 && inside == 0 {
			break
		}
		off = e.next
		if e.tag == 0 {
			inside--
			continue
		}
		if inside == 0 && e.tag == tagMember {
			if m, ok := l.member(r, e); ok {
				members = append(members, m)
			}
		}
		if e.children {
			inside++
		}
	}
	return members
}

// member decodes an entry. It is not ok if its place is not constant.
func (l *Layouts) member(r *typeReader, e fullEntry) (Member, bool) {
	m := Member{Name: r.u.text(e.get(attrName)), l: l, r: r, typ: e.get(attrType)}
	at, ok := r.number(e.get(attrMemberOffset))
	if !ok && e.get(attrMemberOffset).form != 0 {
		return m, false
	}
	m.Offset = at
	bits, _ := r.number(e.get(attrBitSize))
	if bits == 0 {
		return m, true
	}
	if bits > 64 {
		return m, false
	}
	m.Bits = uint(bits)
	start, ok := r.number(e.get(attrDataBitOffset))
	if !ok {
		// Until DWARF 3 they were counted from the highest bit of a unit of storage.
		high, ok := r.number(e.get(attrBitOffset))
		size, known := r.number(e.get(attrByteSize))
		if !known {
			if t := l.layout(r, m.typ); t != nil {
				size, known = t.Size, true
			}
		}
		if !ok || !known || high+bits > size*8 || size > 8 {
			return m, false
		}
		start = at*8 + size*8 - high - bits
	} else {
		start += at * 8
	}
	m.Offset, m.BitStart = start/8, uint(start%8)
	return m, true
}

// Enum returns the value of an enumerator of t.
func (t *Layout) Enum(name string) (uint64, bool) {
	if t == nil || t.Kind != KindEnum || t.body == 0 {
		return 0, false
	}
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	for off := t.body; ; {
		e, ok := t.r.read(off)
		if !ok || e.tag != tagEnumerator || e.children {
			return 0, false
		}
		off = e.next
		if t.r.u.text(e.get(attrName)) == name {
			return t.r.number(e.get(attrConstValue))
		}
	}
}

const (
	tagEnumerator  = 0x28
	attrConstValue = 0x1c
)

// String returns the name of a type and its size.
func (t *Layout) String() string {
	if t == nil {
		return "void"
	}
	return fmt.Sprintf("%s (%d bytes)", t.Name, t.Size)
}
