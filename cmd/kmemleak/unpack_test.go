// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// An input is read the same however it is packed and encoded.
func TestUnpack(t *testing.T) {
	text := readFileText(t, report)
	want, err := readAll(t, text)
	if err != "" || len(want) != 8 {
		t.Fatalf("%d leaks, error %s", len(want), err)
	}
	pack := func(w io.WriteCloser, b *bytes.Buffer) string {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	var gz, zst, little, big bytes.Buffer
	encoder, e := zstd.NewWriter(&zst)
	if e != nil {
		t.Fatal(e)
	}
	units := utf16.Encode([]rune("\ufeff\U0001f427\n" + text))
	for _, u := range units {
		little.Write(binary.LittleEndian.AppendUint16(nil, u))
		big.Write(binary.BigEndian.AppendUint16(nil, u))
	}
	packed := pack(gzip.NewWriter(&gz), &gz)
	for _, tt := range []struct{ name, text, err string }{
		{"gzip", packed, ""},
		{"two in one", packed + packed, ""},
		{"zstd", pack(encoder, &zst), ""},
		{"bzip2", tool(t, "bzip2", text, "bzip2", "-c"), ""},
		{"xz", tool(t, "xz-utils", text, "xz", "-c"), ""},
		{"UTF-16, little end first", little.String(), ""},
		{"UTF-16, big end first", big.String(), ""},
	} {
		got, err := readAll(t, tt.text)
		if tt.name == "two in one" {
			got = once(got)
		}
		if diff := cmp.Diff(want, got); diff != "" || err != tt.err {
			t.Errorf("%s: error %s (-want +got):\n%s", tt.name, err, diff)
		}
	}
	if leaks, err := readAll(t, packed[:len(packed)/2]); err == "" {
		t.Errorf("%d leaks of half a file and no error", len(leaks))
	}
	if _, err := readAll(t, packed[:4]); err == "" {
		t.Error("no error for the start of a file")
	}
}
