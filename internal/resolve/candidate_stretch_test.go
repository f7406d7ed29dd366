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
extern void stop(int) __attribute__((noreturn));
__attribute__((noinline)) int first(int a) { ext(a); return ext(a + 1) + 1; }
__attribute__((noinline)) void halts(int a) { ext(a + 9); stop(a + 10); }
void leads(int a) { halts(a + 11); }
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
static __attribute__((noinline, used, section(".text.unlikely"))) void dies(int a)
{
	ext(a + 12);
	stop(a + 13);
}
static __attribute__((noinline, used, section(".text.unlikely"))) void kills(int a)
{
	dies(a + 14);
}
__attribute__((section(".exit.text"))) int cleanup_module(void) { return ext(8) + 1; }
`

// TestStretched has a module that was stripped of local symbols: kallsyms names the last
// one in front, and stretches it to the next one, which may be in another section. A
// function that ends in a call returns to where the next one begins. Some
// machines keep the names of local functions that are called, for the linker.
func TestStretched(t *testing.T) {
	for _, a := range []struct{ prefix, flags string }{
		{"x86_64-linux-gnu", "-mcmodel=kernel -fcf-protection=none"},
		{"aarch64-linux-gnu", ""},
		{"arm-linux-gnueabi", "-marm"},
		{"riscv64-linux-gnu", "-mcmodel=medany"},
		{"powerpc64le-linux-gnu", ""},
		{"s390x-linux-gnu", ""},
		{"mips64-linux-gnuabi64", "-mno-abicalls"},
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
	if syms, err := loaded.Lookup("rare"); err != nil || len(syms) > 0 {
		t.Fatal(syms, err)
	}
	back := uint64(1)
	if strings.HasPrefix(prefix, "mips") {
		back = 8 // delay slot
	}
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
			out, err := exec.Command(prefix+"-addr2line", "-e", whole, "-j", s.Section.Name, fmt.Sprintf("%#x", s.Offset+off-back)).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, line, _ := strings.Cut(strings.Fields(string(out))[0], ":")
			sym, ok := loaded.SymbolAt(loaded.Section(s.Section.Name), s.Offset+off-1)
			if !ok {
				t.Fatal("no symbol")
			}
			at := s.Section.RegionOffset + s.Offset + off - sym.Section.RegionOffset - sym.Offset
			return Frame{Func: sym.Name, Offset: at, Size: loaded.Sizes(sym).Next, Module: "t"}, name + ":" + line
		}
		t.Fatal("no call in " + name)
		return Frame{}, ""
	}
	for _, tt := range []struct {
		dir    string
		frames []string
		link   Link // of the last frame
	}{
		{stripped, []string{"first 2"}, LinkSilent},
		{stripped, []string{"first 1", "rare 1"}, LinkDirect},
		{stripped, []string{"gone 1", "calls 1"}, LinkDirect},
		{stripped, []string{"gone 2", "rare 1"}, LinkSilent},
		{whole, []string{"first 2", "rare 1"}, LinkDirect},
		{whole, []string{"gone 2", "calls 1"}, LinkDirect},
		{whole, []string{"gone 1", "rare 1"}, LinkSilent},
		{none, []string{"gone 1", "calls 1"}, LinkSilent},
		{stripped, []string{"dies 2", "kills 1"}, LinkDirect},
		{none, []string{"halts 2", "leads 1"}, LinkDirect},
	} {
		t.Run(filepath.Base(filepath.Dir(tt.dir))+" "+strings.Join(tt.frames, " "), func(t *testing.T) {
			var bt []Frame
			var want []string
			for i, frame := range tt.frames {
				name, n, _ := strings.Cut(frame, " ")
				number, _ := strconv.Atoi(n)
				f, place := printed(t, name, number)
				sized, link := true, LinkSilent
				if tt.dir == whole { // it fits only where no symbol was lost
					sized = full.Sizes(symbol(full, f.Func)).Next == f.Size
				}
				if i == len(tt.frames)-1 {
					link = tt.link
				}
				if tt.dir == none {
					place = f.Func + ":0"
					if i > 0 && bt[0].Func == "gone" {
						link = LinkDirect // it was not lost
					}
				}
				bt = append(bt, f)
				want = append(want, fmt.Sprint(place, " sized ", sized, " link ", link, " problem false"))
			}
			r := New(Config{
				Files: &debugfile.Finder{Release: "0", Root: root, Dirs: []string{tt.dir}}, Describe: func(f Frame) string { return f.Func },
				Firm: func(f *Facts) bool { return f.Fits == 1 },
			})
			defer r.Close()
			var got []string
			for _, c := range r.Backtrace(bt, 0) {
				if c.Kind == Elided {
					continue
				}
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
