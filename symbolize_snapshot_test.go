// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSnapshotJSON(t *testing.T) {
	in := Snapshot{Version: 1, Release: "6.1.0", Modules: []Module{
		{Name: "hello_kernel", BuildID: "bcef", Sections: map[string]uint64{".text": 0xffffffffc01b2001, ".init.text": 0xe0801000}},
		{Name: "hidden"},
	}}
	const text = `{"version":1,"release":"6.1.0","modules":[` +
		`{"name":"hello_kernel","sections":{".init.text":"0xe0801000",".text":"0xffffffffc01b2001"},"build_id":"bcef"},` +
		`{"name":"hidden","sections":null}]}`
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text, string(b)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	tests := []struct {
		name, text string
		want       Snapshot
		err        string
	}{
		{"own", text, in, ""},
		{"numbers", strings.Replace(text, `"0xffffffffc01b2001"`, "18446744072637587457", 1), in, ""},
		{"newer", `{"version":2,"sites":{}}`, Snapshot{}, "snapshot of modules of version 2: this program knows up to 1"},
		{"none", `{"modules":[]}`, Snapshot{}, `no snapshot of modules: version ""`},
		{"list", `[]`, Snapshot{}, "snapshot of modules: json: cannot unmarshal array"},
		{"rounded", strings.Replace(text, `"0xffffffffc01b2001"`, "1.8446744072637587e19", 1), Snapshot{}, "address 1.8446744072637587e19: invalid syntax"},
		{"too large", strings.Replace(text, "0xffffffffc01b2001", "0x1ffffffffc01b2001", 1), Snapshot{}, "value out of range"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Snapshot
			err := json.Unmarshal([]byte(tt.text), &got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
			if s := fmt.Sprint(err); tt.err == "" && err != nil || !strings.Contains(s, tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

// TestReusedMemory has a snapshot of a module whose memory is another one's when
// the report is read.
func TestReusedMemory(t *testing.T) {
	tests := []struct {
		name    string
		modules []Module
		frames  []Frame
		want    []string
		err     string
	}{
		{
			name: "bare address in one module's place and in another's",
			modules: []Module{
				{Name: "hello_kernel", Sections: map[string]uint64{".init.text": 0xffffffffc0300000}},
				{Name: "other", Sections: map[string]uint64{".text": 0xffffffffc0300000, ".init.text": 0xffffffffc0400000}},
			},
			frames: []Frame{{Addr: 0xffffffffc0300017}},
			want:   []string{"recovered consistent hello_init hello.c:64"},
		},
		{
			name:    "bare address that no call returns to",
			modules: []Module{{Name: "hello_kernel", Sections: map[string]uint64{".init.text": 0xffffffffc0300000}}},
			frames:  []Frame{{Addr: 0xffffffffc0300018}},
			want:    []string{"recovered contradicted hello_init hello.c:66"},
			err:     "0xffffffffc0300018: contradicted",
		},
		{
			name:    "a call, but not of the function above",
			modules: []Module{{Name: "hello_kernel", Sections: map[string]uint64{".text": 0xffffffffc0200000, ".init.text": 0xffffffffc0300000}}},
			frames:  []Frame{{Addr: 0xffffffffc020000a}, {Addr: 0xffffffffc0300020}},
			want:    []string{"recovered assumed myfunc hello.c:29", "recovered contradicted hello_init hello.c:66"},
			err:     "the call there is of greet.constprop.0, which does not lead to the frame above, myfunc",
		},
		{
			name:    "a name that is not right any more",
			modules: []Module{{Name: "hello_kernel", Sections: map[string]uint64{".text": 0xffffffffc0200000}}},
			frames:  []Frame{{Func: "vmalloc", Offset: 0x3c, Size: 0x50}, {Func: "greet.constprop.0", Offset: 0x19, Size: 0xfd6, Module: "hello_kernel"}, {Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"}},
			want:    []string{"printed unresolved ", "printed consistent kmalloc slab.h < greeting_alloc hello.c:36 < greeting_new hello.c:41 < greet hello.c:53", "printed consistent myfunc hello.c:29"},
		},
		{
			name:    "inside of a live module that there is no file of",
			modules: []Module{{Name: "other", Sections: map[string]uint64{".text": 0xffffffffc0300000, ".data": 0xffffffffc0310000}}},
			frames:  []Frame{{Addr: 0xffffffffc0300017}},
			want:    []string{"printed unresolved "},
			err:     "0xffffffffc0300017: inside of module other, at .text+0x17: no file of module other",
		},
		{
			name:    "hidden addresses",
			modules: []Module{{Name: "other", Sections: map[string]uint64{}}},
			frames:  []Frame{{Addr: 0xffffffffc0300fff}},
			want:    []string{"printed unresolved "},
			err:     "the kernel hides the addresses of modules",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &Symbolizer{Release: "0", Dirs: []string{filepath.Join(helloModules, "6.1-x86_64")}, Modules: tt.modules}
			defer s.Close()
			var got []string
			var last error
			for _, c := range s.Backtrace(tt.frames) {
				got = append(got, fmt.Sprint(c.Kind, " ", c.Confidence, " ", brief(c.Pos)))
				last = c.Err
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if tt.err != "" && !strings.Contains(fmt.Sprint(last), tt.err) {
				t.Errorf("error %v, want %s", last, tt.err)
			}
		})
	}
}
