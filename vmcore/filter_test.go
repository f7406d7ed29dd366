// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package vmcore

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// word is a word that a filter let pass.
type word struct {
	At    int
	Value uint64
}

// inside returns the words that lead into ranges, without a filter.
func inside(ranges []Range, b []byte) (all []word) {
	for at := 0; at+8 <= len(b); at += 8 {
		v := binary.LittleEndian.Uint64(b[at:])
		for _, r := range ranges {
			if v-r.Addr < r.Size {
				all = append(all, word{at, v})
				break
			}
		}
	}
	return all
}

// filtered returns the words that a filter lets pass and that lead into ranges.
func filtered(ranges []Range, b []byte) (all []word) {
	newFilter(ranges).each(b, func(at int, v uint64) {
		for _, r := range ranges {
			if v-r.Addr < r.Size {
				all = append(all, word{at, v})
				break
			}
		}
	})
	return all
}

// TestFilter compares with looking at each word. Of a few ranges, the filter lets little
// else pass.
func TestFilter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const linear = 0xffff888000000000
	spread := func(n int, step, size uint64) (all []Range) {
		for i := range uint64(n) {
			all = append(all, Range{linear + i*step, size})
		}
		return all
	}
	for _, c := range []struct {
		name   string
		ranges []Range
		most   int // words in a thousand that pass for nothing
	}{
		{"none", nil, 0},
		{"of no size", []Range{{linear, 0}}, 0},
		{"a byte", []Range{{linear + 5000, 1}}, 50},
		{"an object", []Range{{linear + 4096*7, 700}}, 50},
		{"two pages", []Range{{linear + 4090, 12}}, 50},
		{"in the linear map and elsewhere", []Range{{0x1000, 64}, {linear + 1<<20, 128}, {0xffffffffc0000000, 1 << 21}}, 100},
		{"the first and the last byte", []Range{{0, 1}, {^uint64(0) - 1, 2}}, 1000},
		{"overlapping", []Range{{linear, 1 << 30}, {linear + 4096, 8}}, 1000},
		{"a huge one", []Range{{linear, 1 << 42}, {0xffffc90000000000, 4096}}, 1000},
		{"many", spread(1000, 1<<17, 64), 250},
		{"very many", spread(20_000, 4096, 32), 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := make([]byte, 8*4096+4)
			for at := 0; at+8 <= len(b); at += 8 {
				v := linear + random.Uint64N(1<<28)
				if n := len(c.ranges); n > 0 && random.IntN(16) == 0 {
					r := c.ranges[random.IntN(n)]
					v = r.Addr + random.Uint64N(r.Size+2) - 1
				}
				binary.LittleEndian.PutUint64(b[at:], v)
			}
			want := inside(c.ranges, b)
			if diff := cmp.Diff(want, filtered(c.ranges, b)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			passed := 0
			newFilter(c.ranges).each(b, func(int, uint64) { passed++ })
			if extra := passed - len(want); extra*1000 > c.most*len(b)/8 {
				t.Errorf("%d words of %d pass for nothing", extra, len(b)/8)
			}
		})
	}
}

// TestFilterShort has pieces of memory that are no multiple of the filter's step.
func TestFilterShort(t *testing.T) {
	ranges := []Range{{0x0101010101010101, 1}}
	for n := range 200 {
		b := make([]byte, n)
		for i := range b {
			b[i] = 1
		}
		if got := len(filtered(ranges, b)); got != n/8 {
			t.Errorf("%d words in %d bytes", got, n)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(uint64(0xffff888000001000), uint64(64), uint64(0x1000), uint64(1), []byte("0123456701234567"))
	f.Add(uint64(0), uint64(1), ^uint64(0), uint64(1), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, addr1, size1, addr2, size2 uint64, b []byte) {
		ranges := []Range{{addr1, size1 % (1 << 43)}, {addr2, size2 % (1 << 20)}}
		for i, r := range ranges {
			if r.Size > 0 && r.Addr+r.Size-1 < r.Addr {
				ranges[i].Addr -= r.Size
			}
		}
		if diff := cmp.Diff(fmt.Sprint(inside(ranges, b)), fmt.Sprint(filtered(ranges, b))); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
