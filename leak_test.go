// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The captures come out byte for byte, but for the addresses that the kernel hid.
func TestLeakString(t *testing.T) {
	hidden := regexp.MustCompile(`\[<\(_*ptrval_*\)>\] `)
	for name, text := range captures(t) {
		leaks, err := Parse(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, l := range leaks {
			got.WriteString(l.String())
		}
		want := hidden.ReplaceAllString(string(text), "")
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLeakStringRoundTrip(t *testing.T) {
	tests := []struct {
		name string
		leak Leak
	}{
		{"nothing known", Leak{Addr: 0xffff888101a2b3c0}},
		{"32 bit, raw", Leak{Addr: 0xc0001000, Size: 4, Backtrace: []Frame{{Addr: 0xc0100000, Func: "f", Offset: 1, Size: 2}, {Addr: 0xffffffff}}}},
		{"64 bit, raw", Leak{Addr: 0xffff888101a2b3c0, Backtrace: []Frame{{Addr: 0xffffffff81687c97, Func: "f", Size: 2, Module: "m"}}}},
		{"per-CPU", Leak{Addr: 0x607b97e9cab8, PerCPU: true, CPU: 0, Data: []byte("a b")}},
		{"per-CPU, no dump", Leak{Addr: 0x607b97e9cab8, PerCPU: true}},
		{"empty dump", Leak{Addr: 1 << 40, Data: []byte{}}},
		{"long dump", Leak{Addr: 1 << 40, Data: bytes.Repeat([]byte("0123456789abc"), 5)}},
		{"as old as can be", Leak{Addr: 1 << 40, Age: math.MaxInt64/time.Second*time.Second - time.Millisecond}},
		{"names of all kinds", Leak{Addr: 1 << 40, Backtrace: []Frame{
			{Func: "f", Offset: 1, Size: 2},
			{Func: "g"},
			{Func: "h", Offset: 3},
			{Func: "i", File: "a.c", Line: 1},
			{Func: "j", File: "a.c", Line: 1, Offset: 1},
			{Func: "a::b", Module: "m", File: "a.c", Line: 1},
			{Addr: 1 << 63},
		}}},
		{"addresses of all kinds", Leak{Addr: 1 << 40, Backtrace: []Frame{{Addr: 1 << 63, Func: "f", Offset: 1, Size: 2}, {Func: "g", Size: 1}, {}, {Addr: 1 << 63}}}},
		{"names only", Leak{Addr: 1 << 40, Backtrace: []Frame{{Func: "f"}, {Func: ".g$1", Offset: 3}, {}}}},
		{"decoded", Leak{Addr: 1 << 40, Backtrace: []Frame{
			{Func: "kzalloc", File: "include/linux/slab.h", Line: 1094, Inlined: true},
			{Func: "f", Offset: 1, Size: 2, Module: "m", BuildID: "0123456789abcdef", File: "./a.c"},
		}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.leak.String()
			got, err := Parse(strings.NewReader(text))
			if err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
			if diff := cmp.Diff([]Leak{tt.leak}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
