// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Opcodes of line programs.
const (
	opCopy            = 1
	opAdvancePC       = 2
	opAdvanceLine     = 3
	opSetFile         = 4
	opSetColumn       = 5
	opConstAddPC      = 8
	opFixedAdvancePC  = 9
	opSetISA          = 12
	opSpecial         = 13 // advances line by -3 and the address by 0, with lineHeader
	extendedEnd       = 1
	extendedAddress   = 2
	extendedFile      = 3
	extendedDiscrim   = 4
	extendedUndefined = 0x80
)

func address(addr uint64) []byte { return bytesOf(0, 9, extendedAddress, u64(addr)) }

func end() []byte { return bytesOf(0, 1, extendedEnd) }

// advance makes a row n bytes further, l lines further.
func advance(n uint64, l int64) []byte {
	return bytesOf(opAdvancePC, uleb(n), opAdvanceLine, sleb(l), opCopy)
}

// lineUnit4 makes a line table of version 4 with the file a.c.
func lineUnit4(minInst, maxOps int, program ...any) []byte {
	header := bytesOf(minInst, maxOps, 1, 0xfd, 12, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, "a.c", 0, 0, 0, 0)
	return sized(u16(4), u32(len(header)), header, bytesOf(program...))
}

// TestLinePrograms runs hand-made programs. The results are lines, or 0 where there is
// none, for the addresses from 0x10000 on.
func TestLinePrograms(t *testing.T) {
	many := []any{address(0x10000), opCopy}
	manyLines := []int{1}
	for i := range 200 {
		many = append(many, advance(1, 1))
		manyLines = append(manyLines, i+2)
	}
	many = append(many, opAdvancePC, 1, end())
	// Three operations make a bundle; the last of its rows counts.
	bundles := []any{address(0x10000), opCopy, advance(1, 1)}
	bundleLines := slicesRepeat(2, 16)
	for i := range 100 {
		bundles = append(bundles, advance(2, 1))
		if op := (1 + 2*i) % 3; op+2 >= 3 {
			bundleLines = append(bundleLines, slicesRepeat(i+3, 16)...)
		} else {
			copy(bundleLines[len(bundleLines)-16:], slicesRepeat(i+3, 16))
		}
	}
	bundles = append(bundles, opAdvancePC, 3, end())
	for _, x := range []struct {
		name    string
		table   []byte
		want    []int
		wantErr string
	}{
		{name: "rows", table: lineUnit4(1, 1, address(0x10000), opCopy, advance(2, 1), opAdvancePC, 1, end()), want: []int{1, 1, 2, 0}},
		{name: "last of one address", table: lineUnit4(1, 1, address(0x10000), opCopy, advance(0, 4), advance(2, -3), opAdvancePC, 1, end()), want: []int{5, 5, 2, 0}},
		{name: "checkpoints", table: lineUnit4(1, 1, many...), want: append(manyLines, 0)},
		{
			name: "sequences out of order",
			table: lineUnit4(1, 1, address(0x10002), advance(0, 9), opAdvancePC, 2, end(), address(0x10000), opCopy, opAdvancePC, 2, end(),
				address(0x10004), advance(0, 19), opAdvancePC, 1, end()),
			want: []int{1, 1, 10, 10, 20, 0},
		},
		{
			name:  "rows out of order",
			table: lineUnit4(1, 1, address(0x10002), advance(0, 9), address(0x10000), advance(0, 9), address(0x10003), advance(0, 9), opAdvancePC, 1, end()),
			want:  []int{19, 19, 10, 28, 0},
		},
		{name: "empty sequence", table: lineUnit4(1, 1, address(0x10000), advance(0, 7), end(), address(0x10000), opCopy, opAdvancePC, 2, end()), want: []int{1, 1, 0}},
		{name: "dropped code", table: lineUnit4(1, 1, address(0), advance(0, 7), opAdvancePC, uleb(0x20000), end(), address(0x10001), opCopy, opAdvancePC, 1, end()), want: []int{0, 1, 0}},
		{name: "dropped code of lld", table: lineUnit4(1, 1, address(^uint64(0)), advance(0, 7), opAdvancePC, uleb(0x20000), end(), address(0x10001), opCopy, opAdvancePC, 1, end()), want: []int{0, 1, 0}},
		{name: "line 0", table: lineUnit4(1, 1, address(0x10000), opCopy, advance(1, -1), advance(1, 2), opAdvancePC, 1, end()), want: []int{1, 0, 2, 0}},
		{name: "special opcodes", table: lineUnit4(1, 1, address(0x10000), opSpecial+3, opSpecial+12+4, opConstAddPC, opCopy, end()), want: []int{1, 2, 2}},
		{name: "instructions of 4 bytes", table: lineUnit4(4, 1, address(0x10000), opSpecial+3, opSpecial+12+4, opAdvancePC, 1, end()), want: []int{1, 1, 1, 1, 2, 2, 2, 2, 0}},
		{
			name:  "instruction bundles",
			table: lineUnit4(16, 3, address(0x10000), opCopy, advance(2, 1), advance(1, 1), advance(4, 1), opAdvancePC, 2, end()),
			want:  append(slicesRepeat(2, 16), append(slicesRepeat(3, 16), append(slicesRepeat(4, 16), 0)...)...),
		},
		{name: "checkpoints in bundles", table: lineUnit4(16, 3, bundles...), want: bundleLines},
		{
			name:  "fixed advance in a bundle",
			table: lineUnit4(16, 3, address(0x10000), opCopy, advance(1, 1), opFixedAdvancePC, u16(16), advance(2, 1), opAdvancePC, 1, end()),
			want:  append(slicesRepeat(2, 16), append(slicesRepeat(3, 16), 0)...),
		},
		{
			name: "unknown opcodes",
			table: lineUnit4(1, 1, address(0x10000), 6, 7, 10, 11, opSetISA, uleb(500), 0, 3, extendedDiscrim, uleb(500), 0, 6, extendedUndefined, 1, 2, 3, 4, 5,
				opSetColumn, 9, opFixedAdvancePC, u16(1), opCopy, opAdvancePC, 1, end()),
			want: []int{0, 1, 0},
		},
		{name: "cut off", table: lineUnit4(1, 1, address(0x10000), opCopy, opAdvancePC, 1, end(), address(0x10001), opCopy, opAdvancePC, 1), want: []int{1, 0}, wantErr: "line program cut off"},
		{name: "table longer than the section", table: append(bytesOf(u32(1<<31)), lineUnit4(1, 1, address(0x10000), opCopy, opAdvancePC, 1, end())[4:]...), want: []int{1, 0}},
		{name: "length beyond the program", table: lineUnit4(1, 1, address(0x10000), opCopy, opAdvancePC, 1, end(), 0, uleb(1<<40), 9), want: []int{1, 0}, wantErr: "line program cut off"},
	} {
		t.Run(x.name, func(t *testing.T) {
			d := linked(t, map[string][]byte{
				"abbrev": bytesOf(1, tagCompileUnit, 0, 0x10, formSecOffset, 0x11, formAddr, 0x12, formData4, 0, 0, 0),
				"info":   unit4(1, u32(0), u64(0x10000), u32(0x1000)),
				"line":   x.table,
			})
			var got []int
			for i := range x.want {
				loc, err := d.Lookup(0x10000 + uint64(i))
				switch {
				case errors.Is(err, ErrNotFound):
					got = append(got, 0)
				case err != nil:
					t.Fatal(err)
				default:
					got = append(got, loc.Frames[0].Line)
					if loc.Frames[0].File.Name != "a.c" {
						t.Errorf("%d: %+v", i, loc.Frames[0])
					}
					err = loc.Err
				}
				if x.wantErr != "" && (err == nil || !strings.Contains(err.Error(), x.wantErr)) {
					t.Errorf("%d: error %v, want %s", i, err, x.wantErr)
				}
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func slicesRepeat(line, n int) []int {
	var list []int
	for range n {
		list = append(list, line)
	}
	return list
}

// TestFileNumbers looks up files by number, including numbers that do not exist.
func TestFileNumbers(t *testing.T) {
	program := func(file int) []byte {
		return bytesOf(opSetFile, file, address(0x10000), opCopy, opAdvancePC, 1, end())
	}
	v4 := func(file int) []byte {
		header := bytesOf(1, 1, 1, 0xfd, 12, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, "include", "/abs", 0, "a.c", 0, 0, 0, "b.h", 1, 0, 0, "c.h", 2, 0, 0, "d.h", 9, 0, 0, 0)
		return sized(u16(4), u32(len(header)), header, 0, 10, extendedFile, "new.c", 1, 0, 0, program(file))
	}
	v5 := func(file int) []byte {
		header := bytesOf(1, 1, 1, 0xfd, 12, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1,
			1, lnctPath, formString, 2, "/work", "include",
			3, lnctPath, formString, lnctDirectoryIndex, formUdata, 5, formData16, 2, "a.c", 0, make([]byte, 16), "b.h", 1, make([]byte, 16))
		return sized(u16(5), 8, 0, u32(len(header)), header, program(file))
	}
	for _, x := range []struct {
		table []byte
		want  File
	}{
		{v4(0), File{}},
		{v4(1), File{CompDir: "/comp", Name: "a.c"}},
		{v4(2), File{CompDir: "/comp", Dir: "include", Name: "b.h"}},
		{v4(3), File{CompDir: "/comp", Dir: "/abs", Name: "c.h"}},
		{v4(4), File{CompDir: "/comp", Name: "d.h"}},
		{v4(5), File{CompDir: "/comp", Dir: "include", Name: "new.c"}},
		{v4(6), File{}},
		{v5(0), File{CompDir: "/work", Name: "a.c"}},
		{v5(1), File{CompDir: "/comp", Dir: "include", Name: "b.h"}},
		{v5(2), File{}},
	} {
		d := linked(t, map[string][]byte{
			"abbrev": bytesOf(1, tagCompileUnit, 0, 0x1b, formString, 0x10, formSecOffset, 0x11, formAddr, 0x12, formData4, 0, 0, 0),
			"info":   unit4(1, "/comp", u32(0), u64(0x10000), u32(0x1000)),
			"line":   x.table,
		})
		loc, err := d.Lookup(0x10000)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Frame{{File: x.want, Line: 1}}, loc.Frames); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
