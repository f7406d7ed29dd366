// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"os"
	"path/filepath"
	"testing"
)

// Err and Problem come together, for every Call that there is.
func TestProblemLaw(t *testing.T) {
	seen := make(map[Problem]int)
	check := func(calls []Call) {
		for _, c := range calls {
			seen[c.Problem]++
			if (c.Err != nil) != (c.Problem != ProblemNone) || c.Confidence == Unresolved && c.Err == nil {
				t.Errorf("%s: %v, problem %v, error %v", c.Frame, c.Confidence, c.Problem, c.Err)
			}
		}
	}
	for _, build := range helloBuilds {
		for _, dirs := range [][]string{{helloModules + "/" + build}, {helloModules}, {"testdata/modules/addresses", helloModules + "/6.12-x86_64"}} {
			for _, snapshot := range []bool{false, true} {
				s := &Symbolizer{Release: "0", Dirs: dirs}
				leaks, modules := helloReport(t, build)
				gone, _ := helloReport(t, build)
				if snapshot {
					s.Modules = modules
				}
				for _, l := range append(leaks[:4], unloaded(t, build, gone, modules)[:4]...) {
					check(s.Backtrace(l.Backtrace))
					for i, f := range l.Backtrace {
						if f.Func != "" && f.Module == "" {
							continue // of the kernel image, which is not there
						}
						check(s.Backtrace(l.Backtrace[i:]))
						changed := append([]Frame{}, l.Backtrace...)
						changed[i].Offset, changed[i].Addr = changed[i].Offset+3, changed[i].Addr+3
						check(s.Backtrace(changed))
						changed[i].Offset += 1 << 20
						check(s.Backtrace(changed))
						changed[i].Func, changed[i].BuildID = "none", "0123"
						check(s.Backtrace(changed))
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				check(s.Backtrace([]Frame{{Func: "closed", Size: 1}, {}, {Func: "f", File: "a.c", Line: 1}}))
			}
		}
	}
	hidden := &Symbolizer{Release: "0", Modules: []Module{{Name: "hello_kernel"}}}
	defer hidden.Close()
	check(hidden.Backtrace([]Frame{{Addr: 0xffffffffc0300017}}))
	outside := &Symbolizer{Release: "0", Modules: []Module{{Name: "m", Sections: map[string]uint64{".text": 0x1000}}}}
	defer outside.Close()
	check(outside.Backtrace([]Frame{{Addr: 0xffffffffc0300017}}))
	for _, p := range []Problem{
		ProblemNone, ProblemNoFile, ProblemNoFunction, ProblemOtherBuild, ProblemNoCall, ProblemNoCall, ProblemOtherCallee,
		ProblemNoModule, ProblemOther,
	} {
		if seen[p] == 0 {
			t.Errorf("no Call has the problem %v", p)
		}
	}
}

// The problem of each kind of frame.
func TestProblem(t *testing.T) {
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "bad.ko"), []byte("\x7fELF"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &Symbolizer{Release: "0", Dirs: []string{helloModules + "/6.1-x86_64", damaged}}
	defer s.Close()
	for text, want := range map[string]Problem{
		"myfunc+0xa/0x1e [hello_kernel]":              ProblemNone,
		"myfunc+0xa/0x1e [hello_kernel 0123456789ab]": ProblemOtherBuild,
		"myfunc+0xb/0x1e [hello_kernel]":              ProblemNoCall,
		"myfunc+0x1f/0x1e [hello_kernel]":             ProblemNoCall,
		"myfunc+0xffff/0x10000 [hello_kernel]":        ProblemNoCall,
		"nothing+0xa/0x1e [hello_kernel]":             ProblemNoFunction,
		"myfunc+0xa/0x1e [none]":                      ProblemNoFile,
		"myfunc+0xa/0x1e [bad]":                       ProblemOther,
		"0xffffffffc0300017":                          ProblemNoModule,
	} {
		f, err := ParseFrame(text)
		if err != nil {
			t.Fatal(err)
		}
		if c := s.Backtrace([]Frame{f})[0]; c.Problem != want {
			t.Errorf("%s: %v, want %v: %v", text, c.Problem, want, c.Err)
		}
	}
}

func TestProblemText(t *testing.T) {
	for p := range ProblemOther + 1 {
		var back Problem
		if b, err := p.MarshalText(); err != nil || back.UnmarshalText(b) != nil || back != p || p.String() == "unknown" {
			t.Errorf("%d: %s, %v, back %v", p, b, err, back)
		}
	}
	if p := ProblemNoDebug; p.UnmarshalText([]byte("new")) == nil || p != ProblemNoDebug || Problem(200).String() != "unknown" {
		t.Errorf("a text that is not known: %v", p)
	}
}
