// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

const archSource = `int sink;
__attribute__((noinline)) void ext(void) { __asm__ volatile(""); }
__attribute__((noinline)) int other(int a) { sink = a; return a; }
__attribute__((noinline)) int inner(int a)
{
	ext();
	return a + 1;
}
int outer(int a, int *p)
{
	int b = p[0];

	a = inner(a +
		b);
	sink = 3;
	return a + 2;
}
int last(void) { return 1; }
`

// TestArches compiles a call for each machine, in modules and linked images, with and
// without nops in front of functions (-fpatchable-function-entry), and holds it against
// the frame above: the function that it calls, and another one.
func TestArches(t *testing.T) {
	for _, a := range []struct {
		prefix, flags string
		jumps         bool // are decoded
		back          uint64
	}{
		{"x86_64-linux-gnu", "-mcmodel=kernel -fcf-protection=none", true, 1},
		{"aarch64-linux-gnu", "", true, 1},
		{"arm-linux-gnueabi", "-marm", false, 1},
		{"riscv64-linux-gnu", "-mcmodel=medany", false, 1},
		{"powerpc64le-linux-gnu", "", false, 1},
		{"s390x-linux-gnu", "", false, 1},
		{"mips64-linux-gnuabi64", "-mno-abicalls", false, 8},
	} {
		for _, patchable := range []string{"", "-fpatchable-function-entry=2", "-fpatchable-function-entry=6"} { // PowerPC takes 2, 6 and 14
			for _, linked := range []bool{false, true} {
				name := strings.TrimSpace(fmt.Sprint(a.prefix, " ", patchable, map[bool]string{true: " linked"}[linked]))
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					testArch(t, a.prefix, strings.Fields(a.flags+" "+patchable), linked, a.jumps, a.back)
				})
			}
		}
	}
}

func testArch(t *testing.T, prefix string, flags []string, linked, jumps bool, back uint64) {
	dir := t.TempDir()
	path, module := filepath.Join(dir, "t.ko"), "t"
	if linked {
		path, module = filepath.Join(dir, "vmlinux"), ""
	}
	compile(t, prefix, archSource, path, flags...)
	f, err := kobj.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	outer, err := f.Lookup("outer")
	if err != nil || len(outer) != 1 {
		t.Fatal(outer, err)
	}
	call := uint64(0)
	for off := uint64(1); off <= f.Sizes(outer[0]).Max(); off++ {
		if c := f.CallBefore(outer[0].Section, outer[0].Offset+off); c.Kind == kobj.CallDirect && c.Callee == "inner" {
			call = off
		}
	}
	if call == 0 {
		t.Fatal("no call of inner")
	}
	r := New(Config{
		Files: &debugfile.Finder{Release: "0", Dirs: []string{path}}, Describe: func(f Frame) string { return f.Func },
		Firm: func(f *Facts) bool { return true },
	})
	defer r.Close()
	frame := Frame{Func: "outer", Offset: call, Size: f.Sizes(outer[0]).Next, Module: module}
	result := func(above string) string {
		calls := r.Backtrace([]Frame{{Func: above, Module: module}, frame}, 0)
		c := calls[len(calls)-1]
		s := fmt.Sprint(c.Link, " ", c.Places[0][0].Line)
		if len(calls) == 3 {
			s += " above " + calls[1].Frame.Func
		}
		return s
	}
	// The line of the call's own instruction, as binutils have it.
	address := fmt.Sprintf("%#x", outer[0].Section.Addr+outer[0].Offset+call-back)
	tool := []string{"-e", path, address}
	if !linked {
		tool = []string{"-e", path, "-j", outer[0].Section.Name, fmt.Sprintf("%#x", outer[0].Offset+call-back)}
	}
	out, err := exec.Command(prefix+"-addr2line", tool...).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(strings.Fields(string(out))[0], "t.c:")
	want := []string{fmt.Sprintf("%d %s", LinkDirect, line), fmt.Sprintf("%d %s above inner", LinkSilent, line)}
	if jumps {
		want[1] = fmt.Sprintf("%d %s", LinkDenied, line)
	}
	if diff := cmp.Diff(want, []string{result("inner"), result("other")}); diff != "" {
		t.Errorf("under inner and under other (-want +got):\n%s", diff)
	}
	if line != "13" {
		t.Errorf("the call is in line %s, want 13", line)
	}
}
