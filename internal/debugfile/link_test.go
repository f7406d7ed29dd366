// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package debugfile

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

func TestParseDebugLink(t *testing.T) {
	tests := []struct {
		contents string
		name     string
		crc      uint32
		ok       bool
	}{
		{"a.debug\x00\x78\x56\x34\x12", "a.debug", 0x12345678, true},
		{"ab\x00\x00\x78\x56\x34\x12", "ab", 0x12345678, true},
		{"abcd\x00\x00\x00\x00\x78\x56\x34\x12more", "abcd", 0x12345678, true},
		{"a.debug\x00\x78\x56\x34", "", 0, false},
		{"", "", 0, false},
		{"\x00\x00\x00\x00\x78\x56\x34\x12", "", 0, false},
		{"a.debug", "", 0, false},
		{"../../x\x00\x78\x56\x34\x12", "", 0, false},
		{"..\x00\x00\x78\x56\x34\x12", "", 0, false},
		{strings.Repeat("a", 300) + "\x00\x00\x00\x00\x78\x56\x34\x12", "", 0, false},
	}
	for _, tt := range tests {
		name, crc, ok := parseDebugLink([]byte(tt.contents), binary.LittleEndian)
		if name != tt.name || crc != tt.crc || ok != tt.ok {
			t.Errorf("%q: %q, %#x, %v", tt.contents, name, crc, ok)
		}
	}
}

func FuzzParseDebugLink(f *testing.F) {
	f.Add([]byte("a.debug\x00\x78\x56\x34\x12"))
	f.Fuzz(func(t *testing.T, b []byte) {
		name, _, ok := parseDebugLink(b, binary.BigEndian)
		if ok != (name != "") || ok && filepath.Base(name) != name {
			t.Errorf("%q: %q, %v", b, name, ok)
		}
	})
}

// TestAlternates puts a file at every place where a dwz file may be: all are returned,
// in order, and then an error that lists them.
func TestAlternates(t *testing.T) {
	id := idOf(t, "other")
	root := plant(t, map[string]string{
		"modules/hello.ko":   "module",
		"modules/../dwz/alt": "other",
		"modules/alt":        "other",
		"usr/lib/debug/.build-id/" + byIDPath(id) + ".debug": "other",
		"usr/lib/debug/.dwz/alt":                             "other",
	})
	f := &Finder{Root: root, Release: release}
	file, err := kobj.Open(filepath.Join(root, "modules/hello.ko"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var got []string
	for alt, err := range f.Alternates(t.Context(), file, "../dwz/alt", id, true) {
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), id) {
				t.Errorf("error %v", err)
			}
			got = append(got, "end")
			continue
		}
		got = append(got, relative(t, root, alt.Name))
		_ = alt.Close()
	}
	want := []string{"dwz/alt", "modules/alt", "usr/lib/debug/.dwz/alt", "usr/lib/debug/.build-id/" + byIDPath(id) + ".debug", "end"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}
