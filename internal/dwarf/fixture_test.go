// Copyright (c) 2026 The kmemleak authors. All rights reserved.
// Use of this source code is governed by the BSD-3-Clause license in LICENSE.

package dwarf

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kmemleak/kmemleak/internal/debugfile"
	"github.com/kmemleak/kmemleak/internal/kobj"
	"github.com/kmemleak/kmemleak/internal/need"
)

// modules is the folder of the fixtures; see build.sh there.
const modules = "../../testdata/modules/arches"

// fixtures returns the object files below a folder, by name.
func fixtures(t testing.TB, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if strings.HasSuffix(p, ".ko") || strings.HasSuffix(p, ".elf") {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no fixtures in %s", dir)
	}
	return files
}

// builtFixtures builds all fixtures, including those that are not kept in the tree.
func builtFixtures(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds all fixtures (try: without -short)")
	}
	need.Tools(t, "gcc clang-14 dwz gcc-{aarch64,powerpc64le,riscv64,s390x}-linux-gnu gcc-arm-linux-gnueabi gcc-mips64-linux-gnuabi64 rustc",
		"gcc", "clang-14", "dwz", "rustc", "aarch64-linux-gnu-gcc", "arm-linux-gnueabi-gcc", "riscv64-linux-gnu-gcc",
		"powerpc64le-linux-gnu-gcc", "s390x-linux-gnu-gcc", "mips64-linux-gnuabi64-gcc")
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "fixtures"); built.err != nil {
			return
		}
		out, err := exec.Command("sh", filepath.Join(modules, "build.sh"), built.dir).CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("build.sh: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

var built struct {
	sync.Once
	dir string
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// open opens a file until the end of the test.
func open(t testing.TB, name string) (*kobj.File, *Data) {
	t.Helper()
	f, err := kobj.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	d, err := New(f, alternates(f))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, d
}

// alternates finds the alternate files of fixtures, which are beside them.
func alternates(f *kobj.File) Alternates {
	return func(name, id string) iter.Seq2[*kobj.File, error] {
		return new(debugfile.Finder).Alternates(context.Background(), f.DebugFile(), name, id, false)
	}
}

// text returns the sections with code.
func text(f *kobj.File) []*kobj.Section {
	var list []*kobj.Section
	for i := range f.Sections() {
		if s := &f.Sections()[i]; s.Executable() && s.Size > 0 {
			list = append(list, s)
		}
	}
	return list
}

// joined returns the path of a file in one piece, cleaned up.
func (f File) joined() string {
	if f == (File{}) {
		return "??"
	}
	p := f.Name
	for _, dir := range []string{f.Dir, f.CompDir} {
		if !path.IsAbs(p) {
			p = path.Join(dir, p)
		}
	}
	return path.Clean(p)
}
