// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

func TestObjectText(t *testing.T) {
	leak := kmemleak.Leak{Addr: 0x1000, Size: 64, PID: 7, Jiffies: 9}
	object := func(change func(*kmemleak.Object)) kmemleak.Object {
		o := kmemleak.Object{Addr: 0x1000, Size: 64, PID: 7, Jiffies: 9, MinCount: 1}
		change(&o)
		return o
	}
	const other = "another object is there now, so this one was freed, or the report is of another boot"
	for _, tt := range []struct {
		name   string
		object kmemleak.Object
		err    error
		want   string
	}{
		{"there", object(func(*kmemleak.Object) {}), nil,
			"it is still there, and the last scan found 0 references to it; it is a leak with fewer than 1"},
		{"not searched", object(func(o *kmemleak.Object) { o.Flags, o.Count = 4, 2 }), nil,
			"it is still there, and the last scan found 2 references to it; it is a leak with fewer than 1; it is not searched for pointers"},
		{"cleared", object(func(o *kmemleak.Object) { o.MinCount = 0 }), nil,
			"it is still there, and is no leak for the kernel any more: somebody cleared it, or it is to be ignored"},
		{"younger", object(func(o *kmemleak.Object) { o.Jiffies++ }), nil, other},
		{"around it", object(func(o *kmemleak.Object) { o.Addr -= 64 }), nil, other},
		{"of another size", object(func(o *kmemleak.Object) { o.Size *= 2 }), nil, other},
		{"gone", kmemleak.Object{}, fs.ErrNotExist, "file does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := objectText(leak, func(uint64) (kmemleak.Object, error) { return tt.object, tt.err })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
