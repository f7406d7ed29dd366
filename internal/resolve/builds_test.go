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
