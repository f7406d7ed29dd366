// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Abbreviations of the hand-made units.
const (
	abUnit       = 1 + iota // low_pc, high_pc as size
	abFunc                  // name, low_pc, size; children
	abInlined               // origin ref4, low_pc, size, line data1; children
	abAbstract              // name, origin ref4
	abRef                   // origin ref4
	abRanges                // name, ranges
	abUnknown               // a form that does not exist
	abBlock                 // lexical block; children
	abIndirect              // name and low_pc as indirect forms, size
	abNamed                 // name
	abGlobal                // origin ref_addr, low_pc, size
	abRangedCall            // inlined: origin ref4, ranges
	abLines                 // unit: stmt_list
	abNamespace             // sibling; children
	abConcrete              // origin ref4, low_pc, size; children
	abCall                  // GNU call site: low_pc, origin ref4
)

func abbreviations() []byte {
	return bytesOf(
		abUnit, tagCompileUnit, 1, 0x11, formAddr, 0x12, formData4, 0x13, formData1, 0, 0,
		abFunc, tagSubprogram, 1, 0x03, formString, 0x11, formAddr, 0x12, formData4, 0, 0,
		abInlined, tagInlinedSubroutine, 1, 0x31, formRef4, 0x11, formAddr, 0x12, formData4, 0x59, formData1, 0, 0,
		abAbstract, tagSubprogram, 0, 0x03, formString, 0x31, formRef4, 0, 0,
		abRef, tagSubprogram, 0, 0x31, formRef4, 0, 0,
		abRanges, tagSubprogram, 0, 0x03, formString, 0x55, formSecOffset, 0, 0,
		abUnknown, tagSubprogram, 0, 0x03, 0x7e, 0, 0,
		abBlock, tagLexicalBlock, 1, 0, 0,
		abIndirect, tagSubprogram, 0, 0x03, formIndirect, 0x11, formIndirect, 0x12, formData4, 0, 0,
		abNamed, tagSubprogram, 0, 0x03, formString, 0, 0,
		abGlobal, tagSubprogram, 0, 0x31, formRefAddr, 0x11, formAddr, 0x12, formData4, 0, 0,
		abRangedCall, tagInlinedSubroutine, 0, 0x31, formRef4, 0x55, formSecOffset, 0, 0,
		abLines, tagCompileUnit, 0, 0x10, formSecOffset, 0, 0,
		abNamespace, tagNamespace, 1, 0x01, formRef4, 0, 0,
		abConcrete, tagSubprogram, 1, 0x31, formRef4, 0x11, formAddr, 0x12, formData4, 0, 0,
		abCall, uleb(tagGNUCallSite), 0, 0x11, formAddr, 0x31, formRef4, 0, 0,
		0)
}

// headerSize is where the first entry of a hand-made unit is.
const headerSize = 11

// unitEntry is the root entry of the hand-made units, for C.
func unitEntry() []byte { return bytesOf(abUnit, u64(0x10000), u32(0x1000), 0x0c) }

// describe returns names and lines of a chain.
func describe(loc Location) string {
	var s []string
	for _, f := range loc.Frames {
		s = append(s, fmt.Sprintf("%s:%d", f.Name, f.Line))
	}
	return strings.Join(s, " ")
}

// TestEntries looks up address 0x10000 in hand-made units.
func TestEntries(t *testing.T) {
	start := headerSize + len(unitEntry())
	for _, x := range []struct {
		name    string
		entries []byte
		ranges  []byte
		want    string
		wantErr string
	}{
		{name: "function", entries: bytesOf(abFunc, "f", u64(0x10000), u32(16), 0), want: "f:0"},
		{name: "inner of overlapping functions", entries: bytesOf(abFunc, "f", u64(0x10000), u32(16), 0, abFunc, "g", u64(0x10000), u32(4), 0, abFunc, "h", u64(0x10000), u32(8), 0), want: "g:0"},
		{name: "nested function", entries: bytesOf(abFunc, "f", u64(0x10010), u32(16), abFunc, "g", u64(0x10000), u32(4), 0, 0), want: "g:0"},
		{
			name: "inlined in blocks",
			entries: bytesOf(abNamed, "i", abFunc, "f", u64(0x10000), u32(16), abBlock, abInlined, u32(start), u64(0x10004), u32(4), 7, 0,
				abBlock, abInlined, u32(start), u64(0x10000), u32(4), 8, abBlock, abInlined, u32(start), u64(0x10000), u32(1), 9, 0, 0, 0, 0, 0, 0),
			want: "i:0 i:9 f:8",
		},
		{
			name: "inlined calls that overlap",
			entries: bytesOf(abNamed, "i", abFunc, "f", u64(0x10000), u32(16), abInlined, u32(start), u64(0x10000), u32(8), 7, 0,
				abInlined, u32(start), u64(0x10000), u32(4), 8, 0, 0),
			want: "i:0 f:7",
		},
		{
			name: "inlined call outside of the one around it",
			entries: bytesOf(abNamed, "i", abFunc, "f", u64(0x10000), u32(16), abInlined, u32(start), u64(0x10008), u32(8), 7,
				abInlined, u32(start), u64(0x10000), u32(4), 8, 0, 0, 0),
			want: "f:0",
		},
		{name: "name at the end of a chain", entries: bytesOf(abNamed, "n", abRef, u32(start), abRef, u32(start+3), abFunc, "f", u64(0x10000), u32(4), abInlined, u32(start+8), u64(0x10000), u32(4), 7, 0, 0), want: "n:0 f:7"},
		{name: "origins in a circle", entries: bytesOf(abRef, u32(start), abFunc, "f", u64(0x10000), u32(4), abInlined, u32(start), u64(0x10000), u32(4), 7, 0, 0), want: ":0 f:7"},
		{name: "origin outside", entries: bytesOf(abFunc, "f", u64(0x10000), u32(4), abInlined, u32(1<<30), u64(0x10000), u32(4), 7, 0, 0), want: ":0 f:7"},
		{name: "origin in the header", entries: bytesOf(abFunc, "f", u64(0x10000), u32(4), abInlined, u32(2), u64(0x10000), u32(4), 7, 0, 0), want: ":0 f:7"},
		{name: "indirect forms", entries: bytesOf(abIndirect, formString, "f", formAddr, u64(0x10000), u32(4)), want: "f:0"},
		{name: "indirect form of itself", entries: bytesOf(abFunc, "f", u64(0x10000), u32(4), 0, abIndirect, formIndirect, formIndirect, "f"), want: "f:0", wantErr: "form"},
		{name: "unknown form", entries: bytesOf(abFunc, "f", u64(0x10000), u32(4), 0, abUnknown, 1, 2, 3), want: "f:0", wantErr: "form"},
		{name: "undefined abbreviation", entries: bytesOf(abFunc, "f", u64(0x10000), u32(4), 0, 99), want: "f:0", wantErr: "not defined"},
		{name: "cut off in a function", entries: bytesOf(abFunc, "f", u64(0x10000), u32(4), abInlined, u32(start)), want: "f:0", wantErr: "cut off"},
		{name: "never closed", entries: bytesOf(abFunc, "f", u64(0x10000), u32(4), []byte(strings.Repeat(string(rune(abBlock)), 5000))), want: "f:0", wantErr: "cut off"},
		{
			name: "ranges", entries: bytesOf(abRanges, "r", u32(0)),
			// Offsets from the unit's start, a base, dropped code, and an empty range.
			ranges: bytesOf(u64(0x20), u64(0x28), u64(5), u64(5), ^u64(0), u64(0x10000), u64(0), u64(4), u64(0), u64(0)),
			want:   "r:0",
		},
		{name: "range list without an end", entries: bytesOf(abRanges, "r", u32(0)), ranges: bytesOf(u64(0), u64(4)), want: "r:0", wantErr: "cut off"},
		{name: "no range list", entries: bytesOf(abRanges, "r", u32(999), abFunc, "f", u64(0x10000), u32(4), 0), want: "f:0", wantErr: "cut off"},
		{name: "dropped functions", entries: bytesOf(abFunc, "d", u64(0), u32(0x20000), 0, abFunc, "e", ^u64(0), u32(0x20000), 0, abFunc, "f", u64(0x10000), u32(4), 0), want: "f:0"},
	} {
		t.Run(x.name, func(t *testing.T) {
			d := linked(t, map[string][]byte{
				"abbrev": abbreviations(),
				"info":   unit4(unitEntry(), x.entries, 0),
				"ranges": x.ranges,
			})
			loc, err := d.Lookup(0x10000)
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(loc); got != x.want {
				t.Errorf("got %q, want %q", got, x.want)
			}
			if (loc.Err != nil) != (x.wantErr != "") || loc.Err != nil && (!strings.Contains(loc.Err.Error(), x.wantErr) || !errors.Is(loc.Err, ErrFormat)) {
				t.Errorf("error %v, want %q", loc.Err, x.wantErr)
			}
		})
	}
}

// TestOtherUnit follows references to a unit without code.
func TestOtherUnit(t *testing.T) {
	first := unit4(unitEntry(), abNamed, "elsewhere", 0)
	at := uint32(headerSize + len(unitEntry()))
	second := unit4(unitEntry(), abGlobal, u32(at), u64(0x10000), u32(4), 0)
	d := linked(t, map[string][]byte{"abbrev": abbreviations(), "info": append(first, second...)})
	loc, err := d.Lookup(0x10000)
	if err != nil || loc.Err != nil {
		t.Fatal(err, loc.Err)
	}
	want := Location{Frames: []Frame{{Name: "elsewhere", Returns: "value"}}, Low: 0x10000, High: 0x10004, Entry: 0x10000}
	if diff := cmp.Diff(want, loc); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestOldReference follows a reference of DWARF 2, which has the size of an
// address.
func TestOldReference(t *testing.T) {
	at := headerSize + len(unitEntry())
	info := sized(u16(2), u32(0), 8, unitEntry(), abNamed, "n", abGlobal, u64(at), u64(0x10000), u32(4), 0)
	d := linked(t, map[string][]byte{"abbrev": abbreviations(), "info": info})
	loc, err := d.Lookup(0x10000)
	if got := describe(loc); err != nil || got != "n:0" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestNamespaces finds functions inside namespaces that record where they end, as those
// of g++ do.
func TestNamespaces(t *testing.T) {
	root := unitEntry()
	root[len(root)-1] = 0x21 // C++ 14
	inner := bytesOf(abFunc, "f", u64(0x10000), u32(4), 0, 0)
	outer := bytesOf(abNamespace, u32(headerSize+len(root)+10+len(inner)), inner, 0)
	d := linked(t, map[string][]byte{
		"abbrev": abbreviations(),
		"info":   unit4(root, abNamespace, u32(headerSize+len(root)+5+len(outer)), outer, abFunc, "g", u64(0x10010), u32(4), 0, 0),
	})
	for pc, want := range map[uint64]string{0x10000: "f:0", 0x10010: "g:0"} {
		loc, err := d.Lookup(pc)
		if got := describe(loc); err != nil || loc.Err != nil || got != want {
			t.Errorf("%#x: got %q, %v, %v; want %q", pc, got, err, loc.Err, want)
		}
	}
}

// TestCopies looks up the callee of calls of functions that were made once, twice and
// in parts.
func TestCopies(t *testing.T) {
	at := func(n int) u32 { return u32(headerSize + len(unitEntry()) + 7*n) }
	d := linked(t, map[string][]byte{
		"abbrev": abbreviations(),
		"info": unit4(unitEntry(), abNamed, "once.", abNamed, "twice", abNamed, "never",
			abConcrete, at(0), u64(0x10100), u32(4), 0,
			abConcrete, at(1), u64(0x10200), u32(4), 0,
			abConcrete, at(1), u64(0x10300), u32(4), 0,
			abFunc, "f", u64(0x10000), u32(32), abCall, u64(0x10004), at(0), abCall, u64(0x10008), at(1), abCall, u64(0x1000c), at(2), 0, 0),
	})
	fn, err := d.Function(0x10000)
	if err != nil {
		t.Fatal(err)
	}
	want := Function{
		Name: "f", Entry: 0x10000, Ranges: []Range{{0x10000, 0x10020}},
		Calls: []CallSite{
			{Return: 0x10004, Name: "once.", Callee: 0x10100},
			{Return: 0x10008, Name: "twice"},
			{Return: 0x1000c, Name: "never"},
		},
	}
	if diff := cmp.Diff(want, fn); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUnlistedUnits finds a unit that .debug_aranges does not list, beside one that it
// lists.
func TestUnlistedUnits(t *testing.T) {
	first := unit4(unitEntry(), abFunc, "listed", u64(0x10000), u32(4), 0, 0)
	second := unit4(unitEntry(), abFunc, "unlisted", u64(0x10010), u32(4), 0, 0)
	aranges := sized(u16(2), u32(0), 8, 0, u32(0), u64(0x10000), u64(4), u64(0), u64(0))
	d := linked(t, map[string][]byte{"abbrev": abbreviations(), "info": append(first, second...), "aranges": aranges})
	for pc, want := range map[uint64]string{0x10000: "listed:0", 0x10011: "unlisted:0", 0x10004: "", 0x20000: ""} {
		loc, err := d.Lookup(pc)
		if got := describe(loc); got != want || (want == "") != errors.Is(err, ErrNotFound) {
			t.Errorf("%#x: got %q, %v; want %q", pc, got, err, want)
		}
	}
	if d.scan.spans.spans == nil {
		t.Error("the unlisted unit was found without a scan")
	}
	if _, err := d.Lookup(0x10000); err != nil {
		t.Error(err)
	}
}

// TestNothing looks up addresses in files without debugging information.
func TestNothing(t *testing.T) {
	for name, debug := range map[string]map[string][]byte{
		"nothing":         nil,
		"empty":           {"info": {}, "abbrev": {}, "line": {}},
		"zeros":           {"info": make([]byte, 64), "abbrev": make([]byte, 64), "aranges": make([]byte, 64)},
		"version":         {"info": sized(u16(6), make([]byte, 40)), "abbrev": abbreviations()},
		"lengths":         {"info": append(bytesOf(u32(1<<31)), unit4(unitEntry(), 0)[4:]...), "aranges": bytesOf(u32(1<<31), u16(2), u32(0), 8, 0)},
		"no abbreviation": {"info": unit4(unitEntry(), 0)},
		"address size":    {"info": sized(u16(4), u32(0), 3, unitEntry()), "abbrev": abbreviations()},
	} {
		d := linked(t, debug)
		_, err := d.Lookup(0x10000)
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Function(0x10000); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.CallSite(0x10001); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSiblings finds a function behind many types and another function. What is inside
// those is mostly of a kind that does not exist, so that reading it would be an error.
func TestSiblings(t *testing.T) {
	for _, x := range []struct {
		name    string
		first   int // code of the abbreviations; those that do not count from 1 are looked up in another way
		types   int
		sibling func(to int) int // what is recorded
		inside  []byte
		wantErr string
	}{
		{"few", abCall + 1, 3, func(to int) int { return to }, bytesOf(abUnknown, 0), ""},
		{"many", abCall + 1, 5000, func(to int) int { return to }, bytesOf(abUnknown, 0), ""},
		{"many with other codes", abCall + 2, 5000, func(to int) int { return to }, bytesOf(abUnknown, 0), ""},
		{"some point back", abCall + 1, 5000, func(to int) int { return to - to%3*1000 }, bytesOf(abNamed, "n", 0), ""},
		{"some point outside", abCall + 1, 5000, func(to int) int { return to + to%3<<24 }, bytesOf(abNamed, "n", 0), ""},
		{"some point outside, and what is inside is damaged", abCall + 1, 5000, func(to int) int { return to + to%3<<24 }, bytesOf(abUnknown, 0), "form"},
	} {
		t.Run(x.name, func(t *testing.T) {
			plain, structure, long := x.first, x.first+1, x.first+2
			table := abbreviations()
			table = bytesOf(table[:len(table)-1],
				plain, tagBaseType, 0, attrByteSize, formData1, 0, 0,
				structure, tagStructureType, 1, 0x01, formRef4, 0, 0,
				// The size of the expression for the frame's base is in the entry.
				long, tagSubprogram, 1, 0x03, formString, 0x11, formAddr, 0x12, formData4, 0x40, formExprloc, 0x01, formRef4, 0, 0,
				0)
			entries := unitEntry()
			for range x.types {
				entries = append(entries, bytesOf(plain, 4, structure)...)
				to := headerSize + len(entries) + 4 + len(x.inside)
				entries = append(entries, bytesOf(u32(x.sibling(to)), x.inside)...)
			}
			entries = append(entries, bytesOf(long, "f", u64(0x10000), u32(4), 1, 0x9c)...)
			to := headerSize + len(entries) + 4 + 2
			entries = append(entries, bytesOf(u32(to), abUnknown, 0, abFunc, "g", u64(0x10004), u32(4), 0, 0)...)
			d := linked(t, map[string][]byte{"abbrev": table, "info": unit4(entries)})
			loc, err := d.Lookup(0x10004)
			if x.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), x.wantErr) {
					t.Errorf("%q and error %v, want %q", describe(loc), err, x.wantErr)
				}
				return
			}
			if err != nil || loc.Err != nil || describe(loc) != "g:0" {
				t.Errorf("%q and errors %v, %v", describe(loc), err, loc.Err)
			}
		})
	}
}
