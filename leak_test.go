// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"bytes"
	"encoding/json"
	"errors"
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

// A record of the console since 7.2 that stands for ten objects.
func TestLeakMore(t *testing.T) {
	const text = "unreferenced object 0xffff888101a2b3c0 (size 64):\n  comm \"x\", pid 1, jiffies 2\n  backtrace (crc 0):\n" +
		"    f+0x1/0x20\n    ... and 9 more object(s) with the same backtrace\n"
	for _, prefix := range []string{"", "[   12.345678] kmemleak: ", "> "} {
		n := 0
		for l, err := range Extract(strings.NewReader(prefix + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+prefix) + "\n")) {
			n++
			if err != nil || l.More != 9 || l.Objects() != 10 || l.Bytes() != 640 || l.String() != text {
				t.Errorf("%q: %d more, %d objects, %d bytes, %v\n%v", prefix, l.More, l.Objects(), l.Bytes(), err, l)
			}
			g := Groups([]Leak{l, l})[0]
			if g.Count != 20 || g.Bytes != 1280 {
				t.Errorf("%d leaks, %d bytes in a group", g.Count, g.Bytes)
			}
			b, err := json.Marshal(l)
			var again Leak
			if err := errors.Join(err, json.Unmarshal(b, &again)); err != nil || again.More != 9 {
				t.Errorf("%s: %d more, %v", b, again.More, err)
			}
		}
		if n != 1 {
			t.Errorf("%q: %d leaks", prefix, n)
		}
	}
	if l := (Leak{Size: 1 << 63, More: 1}); l.Bytes() != math.MaxUint64 {
		t.Errorf("%d bytes", l.Bytes())
	}
}

// A difference of leaks shows the checksum as the kernel prints it.
func TestChecksum(t *testing.T) {
	a, b := Leak{Checksum: ptr(Checksum(0x1edb9bcf))}, Leak{Checksum: ptr(Checksum(0))}
	for _, diff := range []string{cmp.Diff(a, b), cmp.Diff(a, Leak{})} {
		if !strings.Contains(diff, `"0x1edb9bcf"`) {
			t.Errorf("not readable:\n%s", diff)
		}
	}
	var c Checksum
	for _, text := range []string{"", "x", "0x1ffffffff", "-1"} {
		if err := c.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %v", text, c)
		}
	}
	if err := c.UnmarshalText([]byte("0x1edb9bcf")); err != nil || c != *a.Checksum {
		t.Errorf("%v, error %v", c, err)
	}
}
