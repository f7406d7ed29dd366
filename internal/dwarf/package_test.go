// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

// packages are the ways in which packages are made: compilers, machines and the two
// kinds of index. The dwp of binutils 2.40 knows DWARF 4 only, and llvm-dwp 14 has no end
// for the line tables of gcc in version 5.
var packages = []struct{ name, cc, ld, dwp string }{
	{"clang DWARF 5", "clang-14 -gdwarf-5", "ld", "llvm-dwp-14"},
	{"clang DWARF 5 arm64", "clang-14 --target=aarch64-linux-gnu -gdwarf-5", "aarch64-linux-gnu-ld", "llvm-dwp-14"},
	{"clang DWARF 4", "clang-14 -gdwarf-4", "ld", "dwp"},
	{"gcc DWARF 4", "gcc -gdwarf-4", "ld", "dwp"},
	{"gcc DWARF 4, by llvm-dwp", "gcc -gdwarf-4", "ld", "llvm-dwp-14"},
	{"gcc DWARF 4 arm64", "aarch64-linux-gnu-gcc -gdwarf-4", "aarch64-linux-gnu-ld", "aarch64-linux-gnu-dwp"},
	{"gcc DWARF 4 s390x", "s390x-linux-gnu-gcc -gdwarf-4", "s390x-linux-gnu-ld", "s390x-linux-gnu-dwp"}, // big-endian
	{"gcc DWARF 4 arm", "arm-linux-gnueabi-gcc -gdwarf-4", "arm-linux-gnueabi-ld", "arm-linux-gnueabi-dwp"},
}

// makePackage compiles a module with split files, and packs these. It returns the folder.
func makePackage(t testing.TB, cc, ld, dwp string) string {
	t.Helper()
	need.Tools(t, "gcc clang-14 llvm-14 binutils gcc-{aarch64,s390x}-linux-gnu gcc-arm-linux-gnueabi", strings.Fields(cc)[0], ld, dwp)
	dir := t.TempDir()
	for _, name := range []string{"queue.c", "main.c", "queue.h"} {
		b, err := os.ReadFile(filepath.Join(modules, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	run := func(line string, args ...string) {
		t.Helper()
		words := append(strings.Fields(line), args...)
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
		}
	}
	for _, unit := range []string{"queue", "main"} {
		run(cc, "-O2", "-ffreestanding", "-fno-pic", "-fno-stack-protector", "-fno-common", "-gsplit-dwarf", "-c", "-o", unit+".o", unit+".c")
	}
	run(ld, "-r", "-o", "queue.ko", "queue.o", "main.o")
	run(dwp, "-o", "queue.ko.dwp", "queue.dwo", "main.dwo")
	return dir
}

// hide moves files of a folder away.
func hide(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, name+".away")); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPackages looks up all addresses with split files and with a package of them.
func TestPackages(t *testing.T) {
	for _, p := range packages {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			dir := makePackage(t, p.cc, p.ld, p.dwp)
			ko := filepath.Join(dir, "queue.ko")
			hide(t, dir, "queue.ko.dwp")
			f, d := open(t, ko)
			want := answers(f, d)
			hide(t, dir, "queue.dwo", "main.dwo")
			if err := os.Rename(ko+".dwp.away", ko+".dwp"); err != nil {
				t.Fatal(err)
			}
			inlined := 0
			_, d = open(t, ko)
			for pc, w := range want {
				inlined = max(inlined, len(w.Frames))
				got, err := d.Lookup(pc)
				if w.Frames == nil {
					continue
				}
				if diff := gocmp.Diff(w, got); diff != "" || err != nil {
					t.Fatalf("%#x: %v (-want +got):\n%s", pc, err, diff)
				}
			}
			if inlined < 2 {
				t.Error("nothing was inlined")
			}
		})
	}
}

// TestPackagePlaces finds a package where its name says it belongs, and only what is in it.
func TestPackagePlaces(t *testing.T) {
	dir := makePackage(t, packages[0].cc, packages[0].ld, packages[0].dwp)
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ko, dwp, dwo := read("queue.ko"), read("queue.ko.dwp"), read("queue.dwo")
	if out, err := exec.Command(packages[0].dwp, "-o", filepath.Join(dir, "main.dwp"), filepath.Join(dir, "main.dwo")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	half := read("main.dwp")
	hide(t, dir, "queue.dwo", "main.dwo") // the compiler recorded this folder
	for _, tt := range []struct {
		name, ko string
		files    map[string][]byte
		err      string // of the first unit
	}{
		{"beside", "a.ko", map[string][]byte{"a.ko.dwp": dwp}, ""},
		{"of a debug file", "a.ko.debug", map[string][]byte{"a.ko.dwp": dwp}, ""},
		{"of a debug file, with all suffixes", "a.ko.debug", map[string][]byte{"a.ko.debug.dwp": dwp}, ""},
		{"of a packed file", "a.ko.xz", map[string][]byte{"a.ko.dwp": dwp}, ""},
		{"of another one", "a.ko", map[string][]byte{"b.ko.dwp": dwp}, "queue.dwo: no such file"},
		{"not all units", "a.ko", map[string][]byte{"a.ko.dwp": half}, "a.ko.dwp: malformed DWARF: no unit with id"},
		{"not all units, and a file", "a.ko", map[string][]byte{"a.ko.dwp": half, "queue.dwo": dwo}, ""},
		{"no package", "a.ko", map[string][]byte{"a.ko.dwp": dwo}, "no index of units"},
		{"no object file", "a.ko", map[string][]byte{"a.ko.dwp": []byte("PK")}, "a.ko.dwp: malformed ELF file"},
		{"no package, and a file", "a.ko", map[string][]byte{"a.ko.dwp": dwo, "queue.dwo": dwo}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			tt.files[tt.ko] = ko
			for name, b := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			f, d := open(t, filepath.Join(dir, tt.ko))
			syms, err := f.Lookup("queue_add")
			if err != nil || len(syms) == 0 {
				t.Fatal(syms, err)
			}
			loc, err := d.Lookup(syms[0].Addr())
			if err != nil {
				t.Fatal(err)
			}
			if got := cmp.Or(loc.Err, error(errNone)).Error(); !strings.Contains(got, cmp.Or(tt.err, "none")) {
				t.Errorf("error %q, want %q", got, tt.err)
			}
			if (loc.Frames[0].Name == "") != (tt.err != "") {
				t.Errorf("%+v", loc.Frames)
			}
		})
	}
}

type none struct{}

func (none) Error() string { return "none" }

var errNone none

// FuzzPackage looks up addresses in a module whose package is damaged.
func FuzzPackage(f *testing.F) {
	type file struct{ ko, dwp []byte }
	var files []file
	for i, p := range packages {
		if i != 0 && i != 3 && i != 6 {
			continue
		}
		dir := makePackage(f, p.cc, p.ld, p.dwp)
		ko, err := os.ReadFile(filepath.Join(dir, "queue.ko"))
		if err != nil {
			f.Fatal(err)
		}
		dwp, err := os.ReadFile(filepath.Join(dir, "queue.ko.dwp"))
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, file{ko, dwp})
		n := uint8(len(files) - 1)
		f.Add(n, []byte{})
		f.Add(n, []byte{6, 4, 0, 4, 0xff, 0xff, 0xff, 0x7f})
		f.Add(n, []byte{6, 8, 0, 4, 0xff, 0xff, 0xff, 0xff, 6, 12, 0, 4, 0xff, 0xff, 0xff, 0xff})
		f.Add(n, []byte{5, 100, 0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	}
	f.Fuzz(func(t *testing.T, which uint8, script []byte) {
		x := files[int(which)%len(files)]
		dwp := bytes.Clone(x.dwp)
		patch(dwp, script)
		d := linkedTo(t, x.ko, dwp)
		if d == nil {
			return
		}
		checkBounds(t, d, uint64(len(x.ko)+len(x.dwp)))
	})
}

// linkedTo returns the debugging information of a module with a package, nil if that is
// not one.
func linkedTo(t *testing.T, ko, dwp []byte) *Data {
	t.Helper()
	file, err := kobj.New(ko, "queue.ko")
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := kobj.New(dwp, "queue.ko.dwp")
	if err != nil {
		return nil
	}
	d.packOnce.Do(func() { d.pack, d.packErr = newPackage(d, f) })
	return d
}
