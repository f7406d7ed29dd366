// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestLoadedModules(t *testing.T) {
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
			root: fstest.MapFS{},
			err:  fs.ErrNotExist,
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
