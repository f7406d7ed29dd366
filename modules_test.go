// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestModules(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	var words []byte
	for _, n := range []uint32{4, 4, 3} { // sizes of name and description, kind
		words = binary.NativeEndian.AppendUint32(words, n)
	}
	note := string(words) + "GNU\x00\x01\x02\x03\xff"
	list := "hello_kernel 16384 0 - Live 0xffffffffc03af000 (O)\nplain 4096 1 hello_kernel, Live 0xffffffffc0300000\ngone 4096 0 - Unloading 0x0\n"
	tests := []struct {
		name string
		root fstest.MapFS
		want []Module
		err  error
		text string // of the error
	}{
		{
			name: "addresses and build ID",
			root: fstest.MapFS{
				"proc/modules":                                         file(list),
				"sys/module/hello_kernel/sections/.text":               file("0xffffffffc03af000\n"),
				"sys/module/hello_kernel/sections/.init.text":          file("0xffffffffc03b1000\n"),
				"sys/module/hello_kernel/sections/.data..percpu":       file("0x0000000000000000\n"),
				"sys/module/hello_kernel/notes/.note.gnu.build-id":     file(note),
				"sys/module/plain/sections/.text":                      file("0xe07fc000\n"),
				"sys/module/not_a_loadable_module/parameters/anything": file("1\n"),
			},
			want: []Module{
				{Name: "hello_kernel", BuildID: "010203ff", Sections: map[string]uint64{".text": 0xffffffffc03af000, ".init.text": 0xffffffffc03b1000}},
				{Name: "plain", Sections: map[string]uint64{".text": 0xe07fc000}},
			},
		},
		{
			name: "hidden",
			root: fstest.MapFS{
				"proc/modules":                           file(list),
				"sys/module/hello_kernel/sections/.text": file("0x0000000000000000\n"),
			},
			want: []Module{{Name: "hello_kernel", Sections: map[string]uint64{}}},
			err:  fs.ErrPermission,
		},
		{
			name: "no modules",
			root: fstest.MapFS{"proc/modules": file("")},
		},
		{
			name: "kernel without modules",
			root: fstest.MapFS{"proc/version": file("Linux version 6.12.1")},
		},
		{
			name: "no /proc",
			root: fstest.MapFS{},
			err:  fs.ErrNotExist,
			text: "where modules are: open /proc/modules: file does not exist (mount -t proc proc /proc)",
		},
		{
			name: "a file that is none",
			root: fstest.MapFS{
				"proc/modules":                           file("leaky 16384 0 - Live 0x0\n"),
				"sys/module/leaky/sections/.text/folder": file(""),
			},
			err:  fs.ErrInvalid,
			text: "read /sys/module/leaky/sections/.text: invalid argument",
		},
		{
			name: "no number",
			root: fstest.MapFS{
				"proc/modules":                    file("leaky 16384 0 - Live 0x0\n"),
				"sys/module/leaky/sections/.text": file("0xfog\n"),
			},
			err:  strconv.ErrSyntax,
			text: `/sys/module/leaky/sections/.text: strconv.ParseUint: parsing "fog": invalid syntax`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := loadedModules(tt.root)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !errors.Is(err, tt.err) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if tt.text != "" && (err == nil || err.Error() != tt.text) {
				t.Errorf("error %q, want %q", err, tt.text)
			}
		})
	}
}

func TestModuleJSON(t *testing.T) {
	in := []Module{{Name: "m", BuildID: "01", Sections: map[string]uint64{".text": 0xffffffffc03af000}}}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"name":"m","sections":{".text":"0xffffffffc03af000"},"build_id":"01"}]`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var out []Module
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, out); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
}

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
		{"list", text[strings.Index(text, "[") : len(text)-1], Snapshot{Version: 1, Modules: in.Modules}, ""},
		{"list of others", "[1]", Snapshot{Version: 1, Modules: []Module{{}}}, "module: json: cannot unmarshal number"},
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
			want:    []string{"printed unresolved ", "printed consistent kmalloc slab.h < greeting_alloc hello.c:36 < greeting_new hello.c:41 < greet hello.c:53", "elided assumed vmalloc", "printed consistent myfunc hello.c:29"},
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
