// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package leakprof

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kmemleak/kmemleak"
)

// FuzzWrite makes a profile of the leaks in any text: pprof must be able to read it,
// and nothing may be lost.
func FuzzWrite(f *testing.F) {
	for _, build := range builds {
		text, err := os.ReadFile(data + "reports/hello_kernel-" + build + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[:1500])
	}
	s := symbolizer(f, "6.12-x86_64")
	f.Fuzz(func(t *testing.T, text []byte) {
		var leaks []kmemleak.Leak
		for l := range kmemleak.Extract(bytes.NewReader(text)) {
			leaks = append(leaks, l)
		}
		for _, o := range []*Options{nil, {Symbolizer: s, Time: time.Unix(1, 2), Err: kmemleak.ErrDisabled}} {
			n := int64(0)
			for _, s := range written(t, leaks, o).Sample {
				n += s.Value[0]
			}
			if n != int64(len(leaks)) {
				t.Errorf("%d leaks in the profile, want %d", n, len(leaks))
			}
		}
	})
}

// FuzzNew makes a profile of leaks that no text has, but a program may have.
func FuzzNew(f *testing.F) {
	f.Add("insmod", 1, uint64(64), int64(time.Hour), "greet.constprop.0", "hello_kernel", "15d499", "hello.c", uint64(0), uint64(0x19), uint64(0x60), 53, false, uint8(3))
	f.Add("\xff\n", -1, uint64(1<<63), int64(-1), "_ZN1aE", "-", "\x00", "\u202e", uint64(1<<64-2), uint64(1<<64-1), uint64(1), -7, true, uint8(0))
	s := symbolizer(f, "6.12-x86_64")
	f.Fuzz(func(t *testing.T, comm string, pid int, size uint64, age int64, fn, module, buildID, file string, addr, offset, length uint64, line int, inlined bool, n uint8) {
		named := kmemleak.Frame{Addr: addr, Func: fn, Offset: offset, Size: length, Module: module, BuildID: buildID, File: file, Line: line, Inlined: inlined}
		bare := kmemleak.Frame{Addr: addr}
		backtrace := []kmemleak.Frame{named, bare, named, {Func: "kmalloc"}, {}, bare, named}[:n%8]
		leaks := []kmemleak.Leak{
			{Size: size, Comm: comm, PID: pid, Age: time.Duration(age), Backtrace: backtrace},
			{Size: size, Comm: comm, PID: pid, Jiffies: addr, Backtrace: backtrace[:n%8/2]},
		}
		for _, o := range []*Options{nil, {Symbolizer: s, Time: time.Unix(age, 0), Clock: kmemleak.BootClock(line), Err: errors.New(comm)}} {
			p := written(t, leaks, o)
			var got int64
			for _, s := range p.Sample {
				got += s.Value[0]
			}
			if got != 2 {
				t.Errorf("%d leaks in the profile, want 2", got)
			}
			for _, fn := range p.Function {
				if !utf8.ValidString(fn.Name + fn.SystemName + fn.Filename) {
					t.Errorf("not UTF-8: %q %q %q", fn.Name, fn.SystemName, fn.Filename)
				}
			}
			for _, l := range p.Location {
				for _, line := range l.Line {
					if line.Line < 0 || line.Column < 0 {
						t.Errorf("line %d:%d", line.Line, line.Column)
					}
				}
			}
		}
	})
}
