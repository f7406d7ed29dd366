// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/dwarf"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// FuzzResolve changes bytes of real modules and resolves frames with what is left.
func FuzzResolve(f *testing.F) {
	var modules [][]byte
	for _, build := range []string{"6.1-i386", "6.1-x86_64", "6.12-x86_64", "6.12-arm64", "7.3-x86_64"} {
		b, err := os.ReadFile("../../testdata/modules/hello_kernel/" + build + "/hello-kernel.ko")
		if err != nil {
			f.Fatal(err)
		}
		modules = append(modules, b)
	}
	f.Add(uint8(0), []byte{})
	f.Add(uint8(1), []byte{0, 0, 0, 60, 0xff, 0xff, 0, 0})
	f.Add(uint8(2), []byte("\x00\x00\x28\x07"))
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		b := bytes.Clone(modules[int(which)%len(modules)])
		// Each edit is a place in three bytes and a value in one.
		for ; len(edits) >= 4; edits = edits[4:] {
			b[int(binary.BigEndian.Uint32(edits)>>8)%len(b)] = edits[3]
		}
		file, err := kobj.New(b, "fuzz")
		if err != nil {
			return
		}
		d, err := dwarf.New(file, nil)
		if err != nil {
			return
		}
		img := &image{path: "fuzz", file: file, debug: d}
		img.once.Do(func() {})
		r := New(Config{
			Files:    &debugfile.Finder{Release: "0.0.1"},
			Modules:  []Module{{Name: "hello_kernel", Sections: map[string]uint64{".init.text": 0x1000}}},
			Describe: func(f Frame) string { return f.Func },
			Firm:     func(f *Facts) bool { return f.Fits == 1 && !f.Beyond && f.Ends == EndsCall && f.Build != BuildOther },
		})
		r.images.open = map[imageKey]*image{{module: "hello_kernel"}: img}
		calls := r.Backtrace([]Frame{
			{Func: "myfunc", Offset: 0xa, Size: 0x1e, Module: "hello_kernel"},
			{Func: "greet.constprop.0", Offset: 0x19, Size: 0xfd6, Module: "hello_kernel"},
			{Func: "greet.isra.7", Offset: 0x19, Size: 0x60, Module: "hello_kernel"},
			{Func: "hello_exit", Size: 0x10, Module: "hello_kernel"},
			{Addr: 0x1017},
		}, 0)
		for _, c := range calls {
			if c.Fits != len(c.Places) && c.Kind != Elided || c.Fits == 0 && c.Err == nil || (c.Err == nil) != (c.Problem == ProblemNone) {
				t.Errorf("%+v", c)
			}
			for _, pos := range c.Places {
				for i, p := range pos {
					if p.Inlined != (i < len(pos)-1) {
						t.Errorf("%+v: place %d", c, i)
					}
				}
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
