// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package kmemleak

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/kobj"
)

var helloBuilds = []string{"6.1-x86_64", "6.12-x86_64", "6.1-i386", "6.12-arm64", "7.3-x86_64"}

// leavesNoJump reports whether no function of a build ends in a jump to another one:
// the compiler makes calls of them where the kernel unwinds by frame pointers.
func leavesNoJump(build string) bool { return !strings.HasSuffix(build, "-x86_64") }

// jumpsOn reports whether the function of the kernel that a function jumps to jumps on, as
// vmalloc does since Linux 7: where that leads is not known without the kernel's file.
func jumpsOn(build string) bool { return strings.HasPrefix(build, "7.") }

// helloReport reads the captured report of a kernel, and where the module lay.
func helloReport(t *testing.T, build string) ([]Leak, []Module) {
	t.Helper()
	file, err := os.Open("testdata/reports/hello_kernel-" + build + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	leaks, err := Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/reports/hello_kernel-" + build + ".modules.json")
	if err != nil {
		t.Fatal(err)
	}
	var modules []Module
	if err := json.Unmarshal(b, &modules); err != nil {
		t.Fatal(err)
	}
	return leaks, modules
}

// unloaded gives the leaks as the kernel prints them when the module is gone.
func unloaded(t *testing.T, build string, leaks []Leak, modules []Module) []Leak {
	t.Helper()
	f, err := kobj.Open(filepath.Join(helloModules, build, "hello-kernel.ko"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, l := range leaks {
		for i := range l.Backtrace {
			fr := &l.Backtrace[i]
			if fr.Module == "" {
				continue
			}
			symbols, err := f.Lookup(fr.Func)
			if err != nil || len(symbols) != 1 {
				t.Fatalf("%s: %v, %v", fr.Func, symbols, err)
			}
			sym := symbols[0]
			*fr = Frame{Addr: modules[0].Sections[sym.Section.Name] + sym.Offset + fr.Offset}
		}
	}
	return leaks
}

// ownCalls lists the calls in hello.c.
func ownCalls(calls []Call) []string {
	var own []string
	for _, c := range calls {
		if len(c.Pos) > 0 && strings.HasSuffix(c.Pos[0].File, "hello.c") || len(c.Pos) > 1 {
			own = append(own, fmt.Sprintf("%v %v %s", c.Kind, c.Confidence, brief(c.Pos)))
		}
	}
	return own
}

// TestBacktraceHello wants every function of ours in every leak: when the module
// is loaded and when it is gone, with a snapshot and from the text alone.
func TestBacktraceHello(t *testing.T) {
	at := func(function, comment string) string {
		return fmt.Sprintf("%s hello.c:%d", function, helloLine(t, comment))
	}
	page1, page2 := at("myfunc", "leak: first page"), at("myfunc", "leak: second page")
	page3, callMyfunc := at("myfunc", "leak: third page, a tail call"), at("hello_init", "call: myfunc")
	callGreet := at("hello_init", "call: greet")
	for _, build := range helloBuilds {
		kmalloc := "kmalloc_noprof"
		switch {
		case strings.HasPrefix(build, "6.1-"):
			kmalloc = "kmalloc"
		case jumpsOn(build):
			kmalloc = "_kmalloc_noprof"
		}
		greet := kmalloc + " slab.h < " + at("greeting_alloc", "leak: greeting") + " < " +
			at("greeting_new", "call: greeting_alloc") + " < " + at("greet", "call: greeting_new")
		tests := []struct {
			name              string
			gone, snapshot    bool
			myfunc, init, top string // kind and confidence
			elided, initGreet string
			initElided        string
		}{
			{"loaded, snapshot", false, true, "printed proved ", "recovered proved ", "printed proved ", "elided proved ", "recovered proved ", "recovered proved "},
			{"loaded, text alone", false, false, "printed proved ", "recovered consistent ", "printed proved ", "elided assumed ", "recovered consistent ", "recovered assumed "},
			{"unloaded, snapshot", true, true, "recovered proved ", "recovered proved ", "recovered proved ", "elided proved ", "recovered proved ", "recovered proved "},
			{"unloaded, text alone", true, false, "recovered assumed ", "recovered assumed ", "recovered assumed ", "elided assumed ", "recovered assumed ", "recovered assumed "},
		}
		for _, tt := range tests {
			t.Run(build+" "+tt.name, func(t *testing.T) {
				leaks, modules := helloReport(t, build)
				if tt.gone {
					leaks = unloaded(t, build, leaks, modules)
				}
				s := &Symbolizer{Release: "0", Dirs: []string{filepath.Join(helloModules, build)}}
				defer s.Close()
				if tt.snapshot {
					s.Modules = modules
				}
				third := []string{tt.elided + page3, tt.initElided + callMyfunc}
				switch {
				case jumpsOn(build):
					third[0] = "elided assumed myfunc hello.c:0"
				case leavesNoJump(build):
					third = []string{tt.myfunc + page3, tt.init + callMyfunc}
				}
				myfunc := tt.myfunc
				if jumpsOn(build) && !tt.gone && !tt.snapshot {
					myfunc = "printed consistent " // the call is of vmalloc, which is not printed
				}
				want := [][]string{
					{myfunc + page1, tt.init + callMyfunc},
					{myfunc + page2, tt.init + callMyfunc},
					third,
				}
				for range 5 {
					want = append(want, []string{tt.top + greet, tt.initGreet + callGreet})
				}
				var got [][]string
				for _, l := range leaks {
					calls := s.Backtrace(l.Backtrace)
					got = append(got, ownCalls(calls))
					for _, c := range calls {
						if c.Kind != KindPrinted && c.Reason == "" {
							t.Errorf("%v %s without a reason", c.Kind, brief(c.Pos))
						}
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("calls in hello.c (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestBacktraceReused has the code of a module that is gone where the init code of another
// one had been, which is loaded. Its file, which is of the build that is loaded, shows that
// no call ends there.
func TestBacktraceReused(t *testing.T) {
	for _, build := range helloBuilds {
		t.Run(build, func(t *testing.T) {
			leaks, modules := helloReport(t, build)
			leaks = unloaded(t, build, leaks, modules)
			leaky := filepath.Join("testdata/modules/leaky", build)
			f, err := kobj.Open(filepath.Join(leaky, "leaky.ko"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			text := modules[0].Sections[".text"]
			reused := []Module{{Name: "leaky", BuildID: f.BuildID(), Sections: map[string]uint64{".text": text - 0x6000, ".init.text": text}}}
			want := &Symbolizer{Release: "0", Dirs: []string{filepath.Join(helloModules, build)}}
			defer want.Close()
			got := &Symbolizer{Release: "0", Dirs: []string{filepath.Join(helloModules, build), leaky}, Modules: reused}
			defer got.Close()
			for i, l := range leaks {
				if diff := cmp.Diff(ownCalls(want.Backtrace(l.Backtrace)), ownCalls(got.Backtrace(l.Backtrace))); diff != "" {
					t.Errorf("leak %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}
