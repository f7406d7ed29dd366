// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

//go:build !nonet

package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/vmcore"
)

// held is what is known of an object that a list, a stack and stale values point to.
func held() vmcore.Referrers {
	node := vmcore.Object{Object: kmemleak.Object{Addr: 0x2000, Size: 64, Backtrace: []kmemleak.Frame{{Func: "add_node"}}}, Reported: true}
	r := vmcore.Referrers{
		Object: vmcore.Object{
			Object:   kmemleak.Object{Addr: 0x1000, Size: 32, MinCount: 1, PID: 7, Jiffies: 9, Comm: "a\x1bb", Backtrace: []kmemleak.Frame{{Func: "kmalloc"}, {Func: "add_queue"}}},
			Reported: true,
		},
		Roots: []vmcore.Root{{Object: node, Ring: 1, Objects: 2, Bytes: 96}},
		Refs: []vmcore.Ref{
			{Addr: 0x2008, Value: 0x1008, Target: 0x1000, Offset: 8, Holder: vmcore.Holder{Kind: vmcore.HolderObject, Object: &node, Offset: 8, Field: "struct node.next"}},
			{Addr: 0x9000, Value: 0x1000, Target: 0x1000, Changed: true, Holder: vmcore.Holder{Kind: vmcore.HolderStack, Scanned: true, Task: &vmcore.Task{PID: 3, Comm: "worker"}, Stale: true}},
		},
	}
	for range 5 {
		r.Refs = append(r.Refs, vmcore.Ref{Addr: 0x5000, Value: 0x1000, Target: 0x1000})
	}
	return r
}

func TestWriteRefs(t *testing.T) {
	var b bytes.Buffer
	none := vmcore.Referrers{Object: vmcore.Object{Object: kmemleak.Object{Addr: 0x3000, Size: 8, MinCount: 1, Count: 1}}}
	if err := writeRefs(&b, []vmcore.Referrers{held(), none, {}}, 4); err != nil {
		t.Fatal(err)
	}
	want := `object 0x1000 (size 32), allocated by add_queue, comm "a\x1bb", pid 7
  it is reported as a leak
  the leaked structure begins with object 0x2000 of 64 bytes, with 2 objects and 96 bytes in all
    0x2008: leaked object 0x2000 of 64 bytes, offset 8, allocated by add_node, perhaps struct node.next (points 8 bytes into it)
  ~ 0x9000: stack of "worker" (pid 3), left over from calls that have returned
    0x5000: memory that kmemleak does not track
    0x5000: memory that kmemleak does not track
    and 3 in memory that kmemleak does not track

object 0x3000 (size 8), allocated by unknown code, comm "", pid 0
  it is not reported: the last scan found 1 references, and 1 are enough
  nothing in this memory points to it
  where kmemleak looks, nothing points to it: a pointer has gone since that scan, or the content had changed, for which kmemleak waits

No object that kmemleak tracks is there.
  nothing in this memory points to it
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestShowSearch has the progress of a search: at its end, only the places are to be named.
func TestShowSearch(t *testing.T) {
	std := stdio{progress: &progress{w: io.Discard}}
	k := new(vmcore.Kernel)
	showSearch(std, k)
	for _, now := range []struct {
		done, total uint64
		want        string
	}{{0, 100, "searching memory"}, {50, 100, "searching memory"}, {100, 100, "looking at who points there"}} {
		if k.Progress(now.done, now.total); !strings.HasPrefix(std.progress.text, now.want) {
			t.Errorf("%d of %d: %q", now.done, now.total, std.progress.text)
		}
	}
}

func TestRefsUsage(t *testing.T) {
	for _, args := range [][]string{{"refs"}, {"refs", "1", "2"}, {"refs", "-vmlinux", "v", "0x1"}, {"explain", "-vmlinux", "v"}, {"explain", "-live", "-core", "dump"}, {"explain", "-via", "sh", "-core", "dump"},
		{"refs", "204e79c54e2fb69"}, {"refs", "0xnone"}, {"refs", "0x"}, {"explain", "-core", "dump", "-snapshot", "x"}} {
		var said bytes.Buffer
		if status := run(context.Background(), args, stdio{in: strings.NewReader(""), out: io.Discard, err: &said}); status != statusError || !strings.Contains(said.String(), "usage: ") {
			t.Errorf("%s: status %d, %s", args, status, &said)
		}
	}
}
