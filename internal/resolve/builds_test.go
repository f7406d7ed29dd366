// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/debugfile"
)

// TestScore counts what speaks against a build.
func TestScore(t *testing.T) {
	good := Facts{Fits: 1, SameName: true, SizeFits: true, Link: LinkDirect}
	call := func(change func(*Call)) Call {
		c := Call{Frame: Frame{Func: "f", Module: "m"}, Module: "m", Places: [][]Pos{{{Func: "f"}}}, Facts: good}
		change(&c)
		return c
	}
	for _, tt := range []struct {
		name string
		call Call
		want [4]int
	}{
		{"fits", call(func(*Call) {}), [4]int{}},
		{"of another module", call(func(c *Call) { c.Module, c.Problem = "n", ProblemBeyond }), [4]int{}},
		{"left by a jump", call(func(c *Call) { c.Kind, c.Fits = Elided, 0 }), [4]int{}},
		{"not after a call", call(func(c *Call) { c.Problem = ProblemNotAfterCall }), [4]int{1, 0, 0, 0}},
		{"no such function", call(func(c *Call) { c.Fits = 0 }), [4]int{1, 0, 0, 0}},
		{"another size", call(func(c *Call) { c.SizeFits = false }), [4]int{0, 1, 0, 0}},
		{"a bare address that is not known", call(func(c *Call) { c.Frame.Func, c.Module, c.Places = "", "", nil }), [4]int{0, 0, 1, 0}},
		{"the code does not tell", call(func(c *Call) { c.Link = LinkSilent }), [4]int{0, 0, 0, 1}},
	} {
		if diff := cmp.Diff(tt.want, score([]Call{tt.call}, "m")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestCounterpart finds the calls of another build that stand for the same frames.
func TestCounterpart(t *testing.T) {
	call := func(name string, k Kind) Call { return Call{Frame: Frame{Func: name}, Facts: Facts{Kind: k}} }
	own := []Call{call("a", Printed), call("x", Elided), call("b", Printed), call("c", Printed)}
	other := []Call{call("a", Printed), call("b", Printed), call("y", Elided), call("c", Printed)}
	var got []string
	for i := range own {
		name := "-"
		if c := counterpart(other, own, i); c != nil {
			name = c.Frame.Func
		}
		got = append(got, name)
	}
	if diff := cmp.Diff([]string{"a", "-", "b", "c"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := counterpart(own, own, 1); c == nil || c.Frame.Func != "x" {
		t.Errorf("counterpart of the function that was left: %v", c)
	}
}

// TestBuildsImage has several builds of a kernel image, whose build IDs are not asked for.
func TestBuildsImage(t *testing.T) {
	const x86 = "x86_64-linux-gnu"
	root := t.TempDir()
	build := func(name, release string, change ...string) string {
		source := fmt.Sprintf("const char linux_banner[] __attribute__((used)) = \"Linux version %s (me) #1\";\n", release) + archSource
		return compile(t, x86, strings.NewReplacer(change...).Replace(source), filepath.Join(root, name, "vmlinux"), "-fcf-protection=none")
	}
	right := build("a", "6.1.192")
	build("b", "6.12.117", "ext();", "ext(); sink = a; ext();")   // outer is the same, inner is not
	build("c", "6.1.192", "return a + 1;", "\n\n\nreturn a + 1;") // other lines
	outer, inner := frameAt(t, right, "", "outer"), frameAt(t, right, "", "inner")
	for _, tt := range []struct {
		name, dirs, release string
		frames              []Frame
		want                []string
	}{
		{"one", "a", "0", []Frame{inner, outer}, []string{
			"inner a/vmlinux fits 1 foreign 0 link 0", "outer a/vmlinux fits 1 foreign 0 link 2"}},
		{"the frames tell", "b a", "0", []Frame{inner, outer}, []string{
			"inner a/vmlinux fits 1 foreign 0 link 0; of 2 builds of the kernel image vmlinux fits best, not b/vmlinux",
			"outer a/vmlinux fits 1 foreign 0 link 2"}},
		{"the release tells", "b a", "6.1.192", []Frame{outer}, []string{
			"outer a/vmlinux fits 1 foreign 0 link 0; of 2 builds of the kernel image vmlinux fits best, not b/vmlinux"}},
		{"a release that none has", "b", "6.6", []Frame{outer}, []string{
			"outer b/vmlinux fits 1 foreign 2 link 0; outer: contradicted: b/vmlinux is of 6.12.117 (linux_banner), the report is of 6.6: give the file of that build with -dir"}},
		{"nothing tells, and the lines differ", "a c", "0", []Frame{outer}, []string{"outer a/vmlinux fits 2 foreign 0 link 0"}},
		{"nothing tells, and the lines are the same", "b a", "0", []Frame{outer}, []string{"outer b/vmlinux fits 1 foreign 0 link 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var dirs []string
			for _, d := range strings.Fields(tt.dirs) {
				dirs = append(dirs, filepath.Join(root, d))
			}
			files := &debugfile.Finder{Release: tt.release, Root: t.TempDir(), Dirs: dirs}
			if diff := cmp.Diff(tt.want, ask(t, Config{Files: files}, root, tt.frames...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSeveral excludes builds, but not all.
func TestSeveral(t *testing.T) {
	builds := []debugfile.Build{{Path: "a", Bits: 32}, {Path: "b", Bits: 64}, {Path: "c", Bits: 64, Foreign: true}, {Path: "d", Bits: 64}}
	for _, tt := range []struct {
		name, section string
		bits          int
		want          []string
	}{
		{"bits are not known", ".symtab", 0, []string{"a", "b"}},
		{"bits", ".symtab", 64, []string{"b"}},
		{"bits of none", ".symtab", 16, []string{"a", "b", "c", "d"}},
		{"bits, and a section of none", ".text.none", 64, []string{"b"}},
	} {
		r := New(Config{Modules: []Module{{Name: "m", Sections: map[string]uint64{tt.section: 1 << 12}}}})
		r.builds.known = map[string][]debugfile.Build{"m": builds}
		r.builds.wrong = map[debugfile.Build]bool{builds[3]: true}
		var got []string
		for _, b := range r.several("m", tt.bits) {
			got = append(got, b.Path)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestBuildsSections has builds of a module with equal code. Which sections were in memory
// tells them apart; where they are of none, other things still do.
func TestBuildsSections(t *testing.T) {
	const ppc = "powerpc64le-linux-gnu"
	root := t.TempDir()
	build := func(name, release, extra string) string {
		// As arch/powerpc/include/asm/module.h has it: the loader makes room in it.
		source := `__asm__(".section .stubs,\"ax\",@nobits; .align 3; .previous");
const char magic[] __attribute__((section(".modinfo"), used)) = "vermagic=` + release + ` SMP";
` + extra + moduleSource
		return compile(t, ppc, source, filepath.Join(root, name, "made.ko"))
	}
	const once = "int once __attribute__((section(\".data.once\"), used)) = 1;\n"
	frame := frameAt(t, build("plain", "6.1.192", "\n\n\n"), "made", "made")
	build("once", "6.1.192", once)
	build("old", "5.10.0", once)
	for _, tt := range []struct{ name, dirs, sections, want string }{
		{"not known", "plain once", "", "made plain/made.ko fits 2 foreign 0 link 0"},
		{"of both", "plain once", ".text .symtab .strtab", "made plain/made.ko fits 2 foreign 0 link 0"},
		{"of one", "plain once", ".text .data.once", "made once/made.ko fits 1 foreign 0 link 0; of 2 builds of the module made.ko fits best, not plain/made.ko"},
		{"of one, and what the loader filled", "plain once", ".text .data.once .stubs .symtab .strtab", "made once/made.ko fits 1 foreign 0 link 0; of 2 builds of the module made.ko fits best, not plain/made.ko"},
		{"empty in the files", "plain once", ".text .data", "made plain/made.ko fits 2 foreign 0 link 0"},
		{"of one of another release", "plain old", ".text .data.once", "made plain/made.ko fits 1 foreign 0 link 0; of 2 builds of the module made.ko fits best, not old/made.ko"},
		{"of none", "old plain", ".text .data.other", "made plain/made.ko fits 1 foreign 0 link 0; of 2 builds of the module made.ko fits best, not old/made.ko"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var dirs []string
			for _, d := range strings.Fields(tt.dirs) {
				dirs = append(dirs, filepath.Join(root, d))
			}
			memory := Module{Name: "made", Sections: make(map[string]uint64)}
			for i, s := range strings.Fields(tt.sections) {
				memory.Sections[s] = 0xc008000000000000 + uint64(i)<<16
			}
			files := &debugfile.Finder{Release: "6.1.192", Root: t.TempDir(), Dirs: dirs}
			if diff := cmp.Diff([]string{tt.want}, ask(t, Config{Files: files, Modules: []Module{memory}}, root, frame)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
