// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/kmemleak/kmemleak"
	"github.com/kmemleak/kmemleak/internal/need"
	"golang.org/x/sys/unix"
)

// TestIntegrationLostFrames wants all frames of a module by name, while it is
// loaded and when it is gone, with knowledge of where it lay and without.
func TestIntegrationLostFrames(t *testing.T) {
	kernel := need.Kernel(t, "")
	d := manualScans(t)
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	h, loaded := leakAll(t, kernel, func(h hello) []kmemleak.Leak { return h.find(t, d) })
	before, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var snapshot kmemleak.Snapshot
	if err := json.Unmarshal(text, &snapshot); err != nil {
		t.Fatal(err)
	}
	if err := unix.DeleteModule("hello_kernel", 0); err != nil {
		t.Fatal(err)
	}
	gone := h.mine(t, d)
	for _, leak := range gone {
		for _, f := range leak.Backtrace {
			if f.Module != "" {
				t.Fatalf("%v has a name although the module is gone", f)
			}
		}
	}
	for _, tt := range []struct {
		name  string
		leaks []kmemleak.Leak
		s     *kmemleak.Symbolizer
	}{
		{"loaded, snapshot", loaded, &kmemleak.Symbolizer{Dirs: []string{h.file()}, Modules: snapshot.Modules}},
		{"loaded, text alone", loaded, &kmemleak.Symbolizer{Dirs: []string{h.file()}}},
		{"unloaded, snapshot", gone, &kmemleak.Symbolizer{Dirs: []string{h.file()}, Modules: snapshot.Modules}},
		{"unloaded, text alone", gone, &kmemleak.Symbolizer{Dirs: []string{h.file()}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer tt.s.Close()
			checkHello(t, kernel, tt.s, tt.leaks)
			for _, c := range tt.s.Backtrace(tt.leaks[2].Backtrace) {
				if len(c.Pos) > 0 {
					t.Log(c.Kind, c.Confidence, c.Pos, c.Reason, c.Err)
				} else {
					t.Log(fmt.Sprint(c.Frame))
				}
			}
		})
	}
}
