// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/kobj"
)

// stretchSource has functions whose symbols strip removes: in the section of the last
// symbol in front of them, and in the next one.
const stretchSource = `extern int ext(int);
__attribute__((noinline)) int first(int a) { ext(a); return ext(a + 1) + 1; }
static __attribute__((noinline, used)) int gone(int a)
{
	ext(a + 2);
	return ext(a + 3) + 1;
}
static __attribute__((noinline, used, section(".text.unlikely"))) int rare(int a)
{
	first(a + 4);
	return ext(a + 5) + 1;
}
static __attribute__((noinline, used, section(".text.unlikely"))) int calls(int a)
{
	gone(a + 6);
	return ext(a + 7) + 1;
}
__attribute__((section(".exit.text"))) int cleanup_module(void) { return ext(8) + 1; }
`

// TestStretched has a module that was stripped of local symbols: kallsyms names the last
// one in front, and stretches it to the next one, which may be in another section. (Other
// machines keep the names of local functions that are called, for the linker.)
func TestStretched(t *testing.T) {
	for _, a := range []struct{ prefix, flags string }{
		{"x86_64-linux-gnu", "-mcmodel=kernel -fcf-protection=none"},
		{"aarch64-linux-gnu", ""},
	} {
		t.Run(a.prefix, func(t *testing.T) { testStretched(t, a.prefix, strings.Fields(a.flags)) })
	}
}

func testStretched(t *testing.T, prefix string, flags []string) {
	root := t.TempDir()
	whole := compile(t, prefix, stretchSource, filepath.Join(root, "whole", "t.ko"), append(flags, "-fno-toplevel-reorder")...)
	stripped, none := filepath.Join(root, "stripped", "t.ko"), filepath.Join(root, "none", "t.ko")
	for _, dir := range []string{filepath.Dir(stripped), filepath.Dir(none)} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"--discard-all", "--strip-debug", whole, none},
		{"--only-keep-debug", whole, stripped + ".debug"},
		{"--add-gnu-debuglink=" + stripped + ".debug", none, stripped},
	} {
		if out, err := exec.Command(prefix+"-objcopy", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	full, err := kobj.Open(whole)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	loaded, err := kobj.Open(stripped)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	symbol := func(f *kobj.File, name string) kobj.Symbol {
		syms, err := f.Lookup(name)
		if err != nil || len(syms) != 1 {
			t.Fatalf("%s: %v, %v", name, syms, err)
		}
		return syms[0]
	}
	if syms, err := loaded.Lookup("gone"); err != nil || len(syms) > 0 {
		t.Fatal(syms, err)
	}
	first := symbol(loaded, "first")
	size := symbol(loaded, "cleanup_module").Section.RegionOffset - first.Section.RegionOffset - first.Offset
	// printed returns the frame that the kernel prints behind the n-th call of a function.
	printed := func(t *testing.T, name string, n int) (Frame, string) {
		s := symbol(full, name)
		for off := uint64(1); off <= s.Size; off++ {
			if c := full.CallBefore(s.Section, s.Offset+off); c.Kind != kobj.CallDirect {
				continue
			}
			if n--; n > 0 {
				continue
			}
			out, err := exec.Command(prefix+"-addr2line", "-e", whole, "-j", s.Section.Name, fmt.Sprintf("%#x", s.Offset+off-1)).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, line, _ := strings.Cut(strings.Fields(string(out))[0], ":")
			at := s.Section.RegionOffset + s.Offset + off - first.Section.RegionOffset - first.Offset
			return Frame{Func: "first", Offset: at, Size: size, Module: "t"}, name + ":" + line
		}
		t.Fatal("no call in " + name)
		return Frame{}, ""
	}
	for _, tt := range []struct {
		dir    string
		sized  bool
		frames []string
		links  []Link
	}{
		{stripped, true, []string{"first 2"}, []Link{0}},
		{stripped, true, []string{"first 1", "rare 1"}, []Link{0, LinkDirect}},
		{stripped, true, []string{"gone 1", "calls 1"}, []Link{0, LinkDirect}},
		{stripped, true, []string{"gone 2", "rare 1"}, []Link{0, 0}},
		{whole, false, []string{"first 2", "rare 1"}, []Link{0, LinkDirect}},
		{whole, false, []string{"gone 2", "calls 1"}, []Link{0, LinkDirect}},
		{whole, false, []string{"gone 1", "rare 1"}, []Link{0, 0}},
		{none, true, []string{"gone 1", "calls 1"}, []Link{0, 0}},
	} {
		t.Run(filepath.Base(filepath.Dir(tt.dir))+" "+strings.Join(tt.frames, " "), func(t *testing.T) {
			var bt []Frame
			var want []string
			for i, frame := range tt.frames {
				name, n, _ := strings.Cut(frame, " ")
				number, _ := strconv.Atoi(n)
				f, place := printed(t, name, number)
				if tt.dir == none {
					place = "first:0"
				}
				bt = append(bt, f)
				want = append(want, fmt.Sprint(place, " sized ", tt.sized, " link ", tt.links[i], " problem false"))
			}
			r := New(Config{
				Files: &debugfile.Finder{Release: "0", Root: root, Dirs: []string{tt.dir}}, Describe: func(f Frame) string { return f.Func },
				Firm: func(f *Facts) bool { return f.Fits == 1 },
			})
			defer r.Close()
			var got []string
			for _, c := range r.Backtrace(bt, 0) {
				last := Pos{}
				if len(c.Places) > 0 {
					last = c.Places[0][len(c.Places[0])-1]
				}
				got = append(got, fmt.Sprint(last.Func, ":", last.Line, " sized ", c.SizeFits, " link ", c.Link, " problem ", c.Problem.denies()))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
