// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package resolve

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

// compile compiles a source file for a machine: to a linked image if the file is called
// vmlinux, else to a module.
func compile(t *testing.T, prefix, source, path string, flags ...string) string {
	t.Helper()
	need.Tools(t, "gcc-"+prefix, prefix+"-gcc")
	dir := t.TempDir()
	src := filepath.Join(dir, "t.c")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-O2", "-g", "-ffreestanding", "-fno-pic", "-fno-stack-protector", "-fdebug-prefix-map=" + dir + "=/src", "-o", path, "t.c"}, flags...)
	if strings.HasPrefix(filepath.Base(path), "vmlinux") {
		args = append(args, "-no-pie", "-nostdlib", "-static", "-Wl,-Ttext=0x80200000,-e,0,--build-id=none")
	} else {
		args = append(args, "-c")
	}
	cmd := exec.Command(prefix+"-gcc", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// frameAt returns the frame of a function behind its first call.
func frameAt(t *testing.T, path, module, function string) Frame {
	t.Helper()
	f, err := kobj.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	syms, err := f.Lookup(function)
	if err != nil || len(syms) != 1 {
		t.Fatal(function, syms, err)
	}
	s := syms[0]
	size := f.Sizes(s).Next
	for off := uint64(1); off <= size; off++ {
		if c := f.CallBefore(s.Section, s.Offset+off); c.Kind == kobj.CallDirect {
			return Frame{Func: function, Offset: off, Size: size, Module: module}
		}
	}
	t.Fatalf("%s: no call in %s", path, function)
	return Frame{}
}

// ask returns what is known about each frame in files: the file's folder, how many places
// fit, and the problem.
func ask(t *testing.T, c Config, root string, bt ...Frame) []string {
	t.Helper()
	c.Describe = func(f Frame) string { return f.Func }
	c.Firm = func(f *Facts) bool { return f.Foreign == ForeignNot && f.Fits == 1 }
	r := New(c)
	defer r.Close()
	var got []string
	for range 2 { // what is remembered changes nothing
		got = nil
		for _, c := range r.Backtrace(bt, 0) {
			rel, _ := filepath.Rel(root, c.File)
			s := fmt.Sprint(c.Frame.Func, " ", filepath.ToSlash(rel), " fits ", c.Fits, " foreign ", c.Foreign, " link ", c.Link)
			if c.Chosen != "" {
				s += "; " + c.Chosen
			}
			if c.Err != nil {
				s += "; " + c.Err.Error()
			}
			got = append(got, strings.ReplaceAll(s, root+string(filepath.Separator), ""))
		}
	}
	return got
}

const moduleSource = `extern int outer(int, int *);
int made(int a) { return outer(a, &a) + 1; }
int after(void) { return 2; }
`

// TestMachines has a module and a kernel image that cannot be of one kernel.
func TestMachines(t *testing.T) {
	const x86, arm64, ppc = "x86_64-linux-gnu", "aarch64-linux-gnu", "powerpc64le-linux-gnu"
	root := t.TempDir()
	paths := make(map[string]string)
	for _, prefix := range []string{x86, arm64, ppc} {
		var flags []string
		if prefix == x86 {
			flags = []string{"-fcf-protection=none"}
		}
		paths[prefix+" image"] = compile(t, prefix, archSource, filepath.Join(root, prefix, "vmlinux"), flags...)
		paths[prefix] = compile(t, prefix, moduleSource, filepath.Join(root, prefix, "made.ko"), flags...)
	}
	const (
		isX86, isArm64, isPPC = "(X86_64, 64 bits, little-endian)", "(AARCH64, 64 bits, little-endian)", "(PPC64, 64 bits, little-endian)"
		give                  = ": give the file of that build with -dir"
	)
	for _, tt := range []struct {
		name          string
		image, module string
		frames        []Frame
		want          []string
	}{
		{"one machine", arm64, arm64, []Frame{{Func: "inner"}, frameAt(t, paths[arm64+" image"], "", "outer"), frameAt(t, paths[arm64], "made", "made")}, []string{
			"inner aarch64-linux-gnu/vmlinux fits 1 foreign 0 link 0",
			"outer aarch64-linux-gnu/vmlinux fits 1 foreign 0 link 2",
			"made aarch64-linux-gnu/made.ko fits 1 foreign 0 link 2",
		}},
		{"the image shows more", x86, arm64, []Frame{{Func: "inner"}, frameAt(t, paths[x86+" image"], "", "outer"), {Func: "made", Size: 8, Module: "made"}}, []string{
			"inner x86_64-linux-gnu/vmlinux fits 1 foreign 0 link 0",
			"outer x86_64-linux-gnu/vmlinux fits 1 foreign 0 link 2",
			"made aarch64-linux-gnu/made.ko fits 1 foreign 3 link 0; made: contradicted: aarch64-linux-gnu/made.ko is of another machine " + isArm64 +
				" than x86_64-linux-gnu/vmlinux " + isX86 + ", which fits better" + give,
		}},
		{"the module shows more", x86, arm64, []Frame{{Func: "outer"}, frameAt(t, paths[arm64], "made", "made")}, []string{
			"outer x86_64-linux-gnu/vmlinux fits 1 foreign 3 link 0; outer: contradicted: x86_64-linux-gnu/vmlinux is of another machine " + isX86 +
				" than aarch64-linux-gnu/made.ko " + isArm64 + ", which fits better" + give,
			"made aarch64-linux-gnu/made.ko fits 1 foreign 0 link 2",
		}},
		{"neither", ppc, arm64, []Frame{{Func: "other"}, frameAt(t, paths[arm64], "made", "made")}, []string{
			"other powerpc64le-linux-gnu/vmlinux fits 1 foreign 1 link 0; other: powerpc64le-linux-gnu/vmlinux is of another machine " + isPPC +
				" than aarch64-linux-gnu/made.ko " + isArm64 + ", and one of them is of another kernel: give its file of the right build with -dir",
			"outer powerpc64le-linux-gnu/vmlinux fits 1 foreign 1 link 0; made: aarch64-linux-gnu/made.ko is of another machine " + isArm64 +
				" than powerpc64le-linux-gnu/vmlinux " + isPPC + ", and one of them is of another kernel: give its file of the right build with -dir",
			"made aarch64-linux-gnu/made.ko fits 1 foreign 1 link 0; made: aarch64-linux-gnu/made.ko is of another machine " + isArm64 +
				" than powerpc64le-linux-gnu/vmlinux " + isPPC + ", and one of them is of another kernel: give its file of the right build with -dir",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := &debugfile.Finder{Release: "0", Root: t.TempDir(), Dirs: []string{paths[tt.image+" image"], paths[tt.module]}}
			if diff := cmp.Diff(tt.want, ask(t, Config{Files: files}, root, tt.frames...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
