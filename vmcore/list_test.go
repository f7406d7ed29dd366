// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// linked makes a list of entries, the first of which is the head.
func linked(entries ...uint64) fakeSpace {
	s := make(fakeSpace)
	for i, e := range entries {
		next, prev := entries[(i+1)%len(entries)], entries[(i+len(entries)-1)%len(entries)]
		s[e], s[e+8] = next, prev
	}
	return s
}

func TestList(t *testing.T) {
	const head = 0x1000
	cases := []struct {
		name   string
		damage func(s fakeSpace)
		want   []uint64
		err    error
		text   string
	}{
		{"whole", func(fakeSpace) {}, []uint64{0x2000, 0x3000, 0x4000, 0x5000}, nil, ""},
		{"empty", func(s fakeSpace) { s[head], s[head+8] = head, head }, nil, nil, ""},
		{"a cycle", func(s fakeSpace) { s[0x4000] = 0x2000 }, []uint64{0x2000, 0x3000, 0x4000, 0x5000}, ErrDamaged, "entry at 0x2000 points back to 0x1000, not to 0x4000"},
		{"a short cut", func(s fakeSpace) { s[0x2000] = 0x4000 }, []uint64{0x2000, 0x3000, 0x4000, 0x5000}, ErrDamaged, "entry at 0x4000 points back to 0x3000"},
		{"to nowhere", func(s fakeSpace) { s[0x3000] = 0xdead0000 }, []uint64{0x2000, 0x3000, 0x4000, 0x5000}, ErrAbsent, "entry at 0xdead0000, to which that at 0x3000 leads"},
		{"a missing page", func(s fakeSpace) { delete(s, 0x3000) }, []uint64{0x2000, 0x4000, 0x5000}, ErrAbsent, "entry at 0x3000"},
		{"two places", func(s fakeSpace) { s[0x2000], s[0x5008] = 7, 7 }, []uint64{0x2000, 0x5000}, ErrAbsent, "2 from the end"},
		{"to itself", func(s fakeSpace) { s[0x2000] = 0x2000 }, []uint64{0x2000, 0x3000, 0x4000, 0x5000}, ErrDamaged, "entry at 0x2000 points back to 0x1000"},
		{"no head", func(s fakeSpace) { delete(s, head) }, nil, ErrAbsent, "head at 0x1000"},
		{"null", func(s fakeSpace) { s[head] = 0 }, []uint64{0x2000, 0x3000, 0x4000, 0x5000}, ErrAbsent, "entry at 0x0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := linked(head, 0x2000, 0x3000, 0x4000, 0x5000)
			c.damage(s)
			var got []uint64
			err := newFake(s).list(t.Context(), "list", head, func(entry uint64) error {
				got = append(got, entry)
				return nil
			})
			if c.name == "two places" {
				c.want, c.text = []uint64{0x2000, 0x5000}, "1 entries were read before it, and 1 from the end"
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("%v, want %v", err, c.err)
			}
			if err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v, want %q", err, c.text)
			}
		})
	}
}

func TestListEnds(t *testing.T) {
	k := newFake(linked(0x1000, 0x2000, 0x3000))
	n := 0
	if err := k.list(t.Context(), "list", 0x1000, func(uint64) error { n++; return errStop }); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	other := errors.New("other")
	if err := k.list(t.Context(), "list", 0x1000, func(uint64) error { return other }); !errors.Is(err, other) {
		t.Errorf("%v", err)
	}
	entries := make([]uint64, 3000)
	for i := range entries {
		entries[i] = uint64(i+1) * 0x1000
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	err := newFake(linked(entries...)).list(ctx, "list", 0x1000, func(uint64) error {
		if n++; n == 10 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n > 2000 {
		t.Errorf("%d, %v", n, err)
	}
}

// FuzzList has lists with any pointers: the walk ends.
func FuzzList(f *testing.F) {
	f.Add([]byte{1, 5, 2, 0, 3, 1, 4, 2, 5, 3, 0, 4})
	f.Add([]byte{1, 2, 2, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := make(fakeSpace)
		for i := 0; i+1 < len(b); i += 2 {
			at := uint64(i/2+1) * 16
			s[at], s[at+8] = (uint64(b[i])+1)*16, (uint64(b[i+1])+1)*16
		}
		seen := make(map[uint64]int)
		_ = newFake(s).list(t.Context(), "list", 16, func(entry uint64) error {
			if seen[entry]++; seen[entry] > 1 {
				t.Fatalf("entry %#x twice", entry)
			}
			return nil
		})
	})
}
