// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	stdlib "debug/dwarf"
	"debug/elf"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// heldModules are real modules, with the headers of the kernel in them.
func heldModules(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/modules/held/*/held.ko")
	if err != nil || len(files) == 0 {
		t.Fatal("no modules", err)
	}
	return files
}

func openLayouts(t *testing.T, name string) *Layouts {
	t.Helper()
	f, err := kobj.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d, err := New(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return NewLayouts(d)
}

// A shape is what two readers of DWARF can agree on.
type shape struct {
	Size   uint64
	Fields []fieldShape
}

type fieldShape struct {
	Name         string
	Bit          uint64 // from the start of the structure
	Bits         uint
	Size, Count  uint64
	Kind         TypeKind
	Signed       bool
	ElementBytes uint64
}

// TestLayoutStdlib compares all structures of the kernel's headers with what the
// standard library reads.
func TestLayoutStdlib(t *testing.T) {
	for _, name := range heldModules(t) {
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			l := openLayouts(t, name)
			file, err := elf.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			data, err := file.DWARF()
			if err != nil {
				t.Fatal(err)
			}
			compared, flags := 0, 0
			for r := data.Reader(); ; {
				e, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if e == nil {
					break
				}
				if e.Tag != stdlib.TagCompileUnit {
					r.SkipChildren()
				}
				name, _ := e.Val(stdlib.AttrName).(string)
				if e.Tag != stdlib.TagStructType && e.Tag != stdlib.TagUnionType || name == "" || e.Val(stdlib.AttrDeclaration) != nil {
					continue
				}
				typ, err := data.Type(e.Offset)
				if err != nil {
					t.Fatal(err)
				}
				got, err := l.Struct(name, "")
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				want := stdlibShape(typ.(*stdlib.StructType), uint64(l.d.file.AddrSize()))
				if diff := cmp.Diff(want, layoutShape(got)); diff != "" {
					t.Errorf("%s: (-want +got)\n%s", name, diff)
				}
				compared++
				for _, f := range want.Fields {
					if f.Bits > 0 {
						flags++
					}
				}
			}
			if compared < 100 || flags < 40 {
				t.Errorf("compared %d structures with %d bit fields", compared, flags)
			}
		})
	}
}

func layoutShape(l *Layout) shape {
	s := shape{Size: l.Size}
	for _, m := range l.Members() {
		f := fieldShape{Name: m.Name, Bit: m.Offset*8 + uint64(m.BitStart), Bits: m.Bits}
		if t := m.Type(); t != nil {
			f.Size, f.Count, f.Kind, f.Signed = t.Size, t.Count, t.Kind, t.Signed
			if t.Kind == KindArray && t.Elem() != nil {
				f.ElementBytes = t.Elem().Size
			}
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

func stdlibShape(st *stdlib.StructType, pointer uint64) shape {
	s := shape{Size: uint64(max(0, st.ByteSize))}
	for _, field := range st.Field {
		f := fieldShape{Name: field.Name, Bit: uint64(field.ByteOffset * 8), Bits: uint(field.BitSize)}
		if field.BitSize > 0 {
			f.Bit = uint64(field.ByteOffset*8 + field.DataBitOffset)
		}
		typ := stripped(field.Type)
		switch x := typ.(type) {
		case *stdlib.ArrayType:
			f.Kind = KindArray
			n := int64(1)
			var of stdlib.Type = x
			for {
				a, ok := stripped(of).(*stdlib.ArrayType)
				if !ok {
					break
				}
				n, of = n*max(0, a.Count), a.Type
			}
			f.Count, f.ElementBytes = uint64(n), uint64(max(0, stripped(of).Size()))
			f.Size = f.Count * f.ElementBytes
		case *stdlib.StructType:
			f.Kind, f.Size = KindStruct, uint64(x.ByteSize)
			if x.Kind == "union" {
				f.Kind = KindUnion
			}
		case *stdlib.PtrType:
			f.Kind, f.Size = KindPointer, pointer
		case *stdlib.EnumType:
			f.Kind, f.Size = KindEnum, uint64(x.ByteSize)
		case *stdlib.IntType, *stdlib.CharType:
			f.Kind, f.Signed, f.Size = KindInteger, true, uint64(x.Size())
		case *stdlib.UintType, *stdlib.UcharType, *stdlib.BoolType:
			f.Kind, f.Size = KindInteger, uint64(x.Size())
		default:
			f.Size = uint64(max(0, typ.Size()))
		}
		s.Fields = append(s.Fields, f)
	}
	return s
}

// stripped returns a type without the names and qualifiers that it has.
func stripped(t stdlib.Type) stdlib.Type {
	for {
		switch x := t.(type) {
		case *stdlib.TypedefType:
			t = x.Type
		case *stdlib.QualType:
			t = x.Type
		default:
			return t
		}
	}
}

func TestLayoutPath(t *testing.T) {
	l := openLayouts(t, "../../testdata/modules/held/6.12-x86_64/held.ko")
	owner, err := l.Struct("owner", "held.c")
	if err != nil {
		t.Fatal(err)
	}
	list, err := l.Struct("list_head", "")
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		of   *Layout
		off  uint64
		path string
		name string
		rest uint64
	}{
		{owner, 0, ".name[0]", "char", 0},
		{owner, 64 + 2*16 + 8, ".slots[2].object", "void *", 0},
		{owner, 64 + 2*16 + 12, ".slots[2].object", "void *", 4},
		{owner, 64 + 4, ".slots[0]", "struct", 4}, // padding
		{owner, 1 << 20, "", "struct owner", 1 << 20},
		{list, 8, ".prev", "struct list_head *", 0},
	}
	for _, c := range cases {
		path, at, rest := c.of.Path(c.off)
		got := c
		got.path, got.name, got.rest = path, at.Name, rest
		if got != c {
			t.Errorf("%v at %d: %q %v %d, want %q %s %d", c.of, c.off, path, at, rest, c.path, c.name, c.rest)
		}
	}
}

func FuzzLayouts(f *testing.F) {
	f.Add([]byte("held"), uint16(0), byte(0))
	name := "../../testdata/modules/held/6.12-x86_64/held.ko"
	file, err := kobj.Open(name)
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	whole, err := file.Contents(&kobj.Section{Type: elf.SHT_PROGBITS, Size: fileSize(f, name)})
	if err != nil {
		f.Fatal(err)
	}
	var info *kobj.Section
	if info = file.Section(".debug_info"); info == nil {
		f.Fatal("no .debug_info")
	}
	f.Fuzz(func(t *testing.T, patch []byte, at uint16, where byte) {
		b := append([]byte(nil), whole...)
		s := info
		if where&1 == 1 {
			s = file.Section(".debug_abbrev")
		}
		copy(b[s.Offset+uint64(at)*uint64(where|1)%s.Size:], patch)
		k, err := kobj.New(b, "fuzz")
		if err != nil {
			return
		}
		d, err := New(k, nil)
		if err != nil {
			return
		}
		l := NewLayouts(d)
		for _, name := range []string{"owner", "task_struct", "list_head"} {
			s, err := l.Struct(name, "held.c")
			if err != nil {
				continue
			}
			for off := uint64(0); off < min(s.Size, 256); off++ {
				s.Path(off)
			}
			s.Field("slots.object")
		}
		l.VariableAt(1 << 16)
	})
}
