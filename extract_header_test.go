// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExtractHeaders(t *testing.T) {
	const (
		addr = 0xffff888101a2b3c0
		body = "  comm \"x\", pid 1, jiffies 2\n  backtrace:\n    f+0x1/0x20\n"
	)
	tests := []struct {
		name, header string
		addr, size   uint64
		damaged      bool
	}{
		{"blank before the colon", "unreferenced object 0xffff888101a2b3c0 (size 64) :", addr, 64, false},
		{"more in the parentheses", "unreferenced object 0xffff888101a2b3c0 (size 64, node 0):", addr, 64, true},
		{"another word", "unreferenced object at 0xffff888101a2b3c0 (size 64):", addr, 64, true},
		{"colon behind size", "unreferenced object 0xffff888101a2b3c0 (size: 64):", addr, 64, true},
		{"hexadecimal size", "unreferenced object 0xffff888101a2b3c0 (size 0x40):", addr, 64, true},
		{"no 0x", "unreferenced object ffff888101a2b3c0 (size 64):", addr, 64, true},
		{"no colon", "unreferenced object 0xffff888101a2b3c0 (size 64)", addr, 64, true},
		{"long address", "unreferenced object 0xffff888101a2b3c0c (size 64):", 0, 64, true},
		{"bad address", "unreferenced object 0xffff88g101a2b3c0 (size 64):", 0, 64, true},
		{"bad size", "unreferenced object 0xffff888101a2b3c0 (size 6\x01):", addr, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := "unreferenced object 0xffff888101a2b000 (size 8):\n" + body
			leaks, errs := collect(t, before+tt.header+"\n"+body)
			want, err := Parse(strings.NewReader(before + before))
			if err != nil {
				t.Fatal(err)
			}
			want[1].Addr, want[1].Size = tt.addr, tt.size
			if diff := cmp.Diff(want, leaks); diff != "" {
				t.Fatalf("(-want +got):\n%s", diff)
			}
			if errs[0] != nil || (errs[1] != nil) != tt.damaged {
				t.Errorf("errors %v", errs)
			}
		})
	}
	for _, text := range []string{
		"unreferenced object 0x%lx (size %zu):\n" + body,
		"unreferenced object 0x<addr> (size <n>):\n" + body,
		"an unreferenced object of size 64\n" + body,
		"We saw an unreferenced object 0xffff888101a2b3c0 (size 64) in it.\nIt was ours.\n",
	} {
		if leaks, errs := collect(t, text); len(leaks) > 0 {
			t.Errorf("%q gives %v, %v", text, leaks, errs)
		}
	}
}

// Lines of a record without header are not those of a record far above, which is
// doubted, since they are of none.
func TestExtractNoHeader(t *testing.T) {
	header, body, _ := strings.Cut(carried[:strings.Index(carried, "unreferenced object 0xffff888101a2b400")], "\n")
	header += "\n"
	prose := "This is\nmy report, and\nit is\nlonger.\n"
	want, err := Parse(strings.NewReader(header + body))
	if err != nil {
		t.Fatal(err)
	}
	only := []Leak{{Addr: want[0].Addr, Size: want[0].Size}}
	for _, tt := range []struct {
		name, text string
		want       []Leak
		damaged    bool
	}{
		{"header, prose, body", header + prose + body, only, true},
		{"header, empty line, prose, body", header + "\n" + prose + body, only, true},
		{"record, prose, body", header + body + prose + body, want, true},
		{"record, empty line, body", header + body + "\n" + body, want, true},
		{"body, header", body + header, only, true},
	} {
		got, errs := collect(t, tt.text)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if err := errors.Join(errs...); (err != nil) != tt.damaged {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
}
