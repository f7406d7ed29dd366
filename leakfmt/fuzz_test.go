// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakfmt

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak"
)

// FuzzWriters writes the leaks in any text in all formats.
func FuzzWriters(f *testing.F) {
	for _, build := range builds {
		text, err := os.ReadFile(reports + "hello_kernel-" + build + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[:1500])
	}
	f.Add([]byte(hostile().String()))
	f.Add([]byte("unreferenced object (percpu) 0x607b97e9cab8 (size 16):\n  comm \"x\n\x1b]]>\", pid -1, jiffies 4294931867 (age 0.001s)\n" +
		"  hex dump (first 8 bytes on cpu 3):\n    61 62 63 64 65 66 67 68                          abcdefgh\n" +
		"  backtrace (crc 0):\n    kzalloc include/linux/slab.h:1094 [inline]\n    f+0x1/0x2 [m 0123456789] (a.c:1)\n    0xffffffffc0a015e4\n    <A as B>::c+0x1/0x2\n"))
	s := symbolizer(f, builds[2])
	f.Fuzz(func(t *testing.T, text []byte) {
		var leaks []kmemleak.Leak
		var first error
		for l, err := range kmemleak.Extract(bytes.NewReader(text)) {
			leaks = append(leaks, l)
			if first == nil {
				first = err
			}
		}
		for _, o := range []*Options{nil, {Detail: Verbose, Err: errors.New(string(text)), ObjectType: true, Symbolizer: s}, {Detail: Brief, MaxGroups: 1, MaxFrames: 1}} {
			var b bytes.Buffer
			if err := Text(&b, leaks, o); err != nil {
				t.Fatal(err)
			}
			checkClean(t, b.String())

			b.Reset()
			if err := JUnit(&b, leaks, o); err != nil {
				t.Fatal(err)
			}
			checkClean(t, b.String())
			readJUnit(t, b.Bytes())

			samples(t, openMetrics(t, leaks, o))

			b.Reset()
			if err := JSONLines(&b, leaks, o); err != nil {
				t.Fatal(err)
			}
			checkClean(t, b.String())
			if diff := cmp.Diff(leaks, readLines(t, b.Bytes())); diff != "" {
				t.Fatalf("from JSON (-want +got):\n%s", diff)
			}
			b.Reset()
			if err := JSONStream(&b, kmemleak.Extract(bytes.NewReader(text)), o); err != first && (err == nil || first == nil || err.Error() != first.Error()) {
				t.Fatalf("error %v, want %v", err, first)
			}
			checkClean(t, b.String())
			for line := range bytes.Lines(b.Bytes()) {
				if !json.Valid(line) {
					t.Fatalf("no JSON: %s", line)
				}
			}
		}
	})
}
