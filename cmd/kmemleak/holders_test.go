// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/vmcore"
)

func TestWriteHolders(t *testing.T) {
	there := held()
	leak := kmemleak.Leak{Addr: 0x1000, Size: 32, PID: 7, Jiffies: 9, Backtrace: there.Object.Backtrace}
	other := leak
	other.Addr, other.Backtrace = 0x4000, []kmemleak.Frame{{Func: "other"}}
	changed := there
	changed.Object.Addr = 0x4000
	changed.Object.Jiffies++
	for _, tt := range []struct {
		name  string
		leaks []kmemleak.Leak
		found []vmcore.Referrers
		want  string
	}{
		{"there", []kmemleak.Leak{leak}, []vmcore.Referrers{there}, `in this memory, object 0x1000 (size 32), allocated by add_queue, comm "a\x1bb", pid 7
  it is reported as a leak
  the leaked structure begins with object 0x2000 of 64 bytes, with 2 objects and 96 bytes in all
    0x2008: leaked object 0x2000 of 64 bytes, offset 8, allocated by add_node, perhaps struct node.next (points 8 bytes into it)
  ~ 0x9000: stack of "worker" (pid 3), left over from calls that have returned
    and 5 in memory that kmemleak does not track
`},
		{"gone, and another one", []kmemleak.Leak{leak, other}, []vmcore.Referrers{{}, changed},
			`in this memory 0x1000 is no object: the leak was freed, or the report is of another boot

in this memory 0x4000 is another object: the leak was freed, or the report is of another boot
`},
		{"the search failed", []kmemleak.Leak{leak}, nil, ""},
	} {
		var b bytes.Buffer
		if err := writeHolders(&b, tt.leaks, tt.found); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
